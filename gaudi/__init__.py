"""The runtime: device, cluster, configuration, pipeline, loop, checkpoints, report, export and command line."""
