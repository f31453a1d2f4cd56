"""Answers with exported models over TF Serving's REST interface; needs TensorFlow and nothing of the suite.

    python3 serve.py --models /models --port 8501     /models/NAME/VERSION/saved_model.pb; the highest version answers
    python3 serve.py --check                          exit code 0 where every model on this port answers

GET /v1/models, /v1/models/NAME, /v1/models/NAME/metadata; POST /v1/models/NAME:predict with {"instances": [...]} (a row
each) or {"inputs": ...} (whole tensors), as at https://www.tensorflow.org/tfx/serving/api_rest.
"""
import argparse
import json
import os
import signal
import sys
import urllib.request
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
LARGEST_BODY = 256 << 20  # bytes; a 2000 x 3000 page of RGB takes about 70 MB as JSON
SECONDS_TO_CHECK = 8


class Wrong(Exception):
    """The request cannot be answered: (HTTP status, one line)."""


class Model:
    """One SavedModel with its signatures."""

    def __init__(self, folder):
        import tensorflow as tf
        self.tf, self.version = tf, folder.name
        self.loaded = tf.saved_model.load(str(folder))
        self.signatures = self.loaded.signatures

    def metadata(self):
        """{signature: {"inputs" and "outputs": {name: type and shape, -1 where open}}}."""
        return {name: {"inputs": described(function.structured_input_signature[1]),
                       "outputs": described(function.structured_outputs)} for name, function in self.signatures.items()}

    def predict(self, request):
        """The answer to a request's `instances` or `inputs`, in the same form."""
        name = request.get("signature_name", "serving_default")
        if name not in self.signatures:
            raise Wrong(400, f"no signature {name!r}; there are {', '.join(self.signatures)}")
        function = self.signatures[name]
        specs = function.structured_input_signature[1]
        by_row = "instances" in request
        if by_row == ("inputs" in request):
            raise Wrong(400, "give either `instances` or `inputs`")
        values = columns(request["instances"], specs) if by_row else request["inputs"]
        if not isinstance(values, dict) or not set(values) & set(specs):
            values = {next(iter(specs)): values}
        missing = sorted(set(specs) - set(values))
        if missing:
            raise Wrong(400, f"input {missing[0]!r} is missing; the signature takes {', '.join(specs)}")
        outputs = function(**{key: self.tensor(key, values[key], spec) for key, spec in specs.items()})
        plain = {key: value.numpy().tolist() for key, value in outputs.items()}
        if by_row:
            return {"predictions": rows(plain)}
        return {"outputs": next(iter(plain.values())) if len(plain) == 1 else plain}

    def tensor(self, name, value, spec):
        """A tensor of the input's type and shape."""
        try:
            made = self.tf.constant(value, spec.dtype)
        except (TypeError, ValueError, OverflowError) as error:
            raise Wrong(400, f"input {name!r} is not {spec.dtype.name}: {str(error).splitlines()[0]}") from error
        if not spec.shape.is_compatible_with(made.shape):
            raise Wrong(400, f"input {name!r} has shape {made.shape}, the model takes {spec.shape}")
        return made


def described(specs):
    """Type and shape of named tensors."""
    return {name: {"dtype": spec.dtype.name, "shape": None if spec.shape.rank is None else
                   [-1 if size is None else size for size in spec.shape]} for name, spec in specs.items()}


def columns(instances, specs):
    """Rows, {input: value} each where there are several inputs, as {input: list}."""
    if not isinstance(instances, list) or not instances:
        raise Wrong(400, "`instances` is a list of at least one row")
    if not isinstance(instances[0], dict):
        return {next(iter(specs)): instances}
    if any(not isinstance(row, dict) or set(row) != set(instances[0]) for row in instances):
        raise Wrong(400, "every row of `instances` has the same inputs")
    return {name: [row[name] for row in instances] for name in instances[0]}


def rows(outputs):
    """{output: list} as a row for each instance: the plain value of a single output, else {output: value}."""
    if len(outputs) == 1:
        return next(iter(outputs.values()))
    return [dict(zip(outputs, values)) for values in zip(*outputs.values())]


def newest(models):
    """{name: Model} of the highest version below each folder of `models`."""
    found = {}
    for folder in sorted(path for path in Path(models).iterdir() if path.is_dir()):
        versions = [path for path in folder.iterdir() if path.name.isdigit() and (path / "saved_model.pb").exists()]
        if versions:
            found[folder.name] = Model(max(versions, key=lambda path: int(path.name)))
    return found


class Handler(BaseHTTPRequestHandler):
    """One request; `models` is set on the class by serve()."""

    models = {}
    protocol_version = "HTTP/1.1"

    def do_GET(self):
        """Status, metadata, or the list of models."""
        self.answer(self.read)

    def do_POST(self):
        """A prediction."""
        self.answer(self.predict)

    def answer(self, work):
        """What `work` returns, as JSON; a Wrong as its status."""
        try:
            status, body = 200, work()
        except Wrong as error:
            status, body = error.args[0], {"error": error.args[1]}
        text = json.dumps(body).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        self.wfile.write(text)

    def read(self):
        """GET below /v1/models."""
        parts = self.path.strip("/").split("/")
        if parts == ["v1", "models"]:
            return {"models": sorted(self.models)}
        model = self.model(parts[2] if parts[:2] == ["v1", "models"] and len(parts) in (3, 4) else "")
        if parts[3:] == ["metadata"]:
            return {"model_spec": {"name": parts[2], "version": model.version}, "signatures": model.metadata()}
        if parts[3:]:
            raise Wrong(404, f"nothing at {self.path}")
        return {"model_version_status": [{"version": model.version, "state": "AVAILABLE",
                                          "status": {"error_code": "OK", "error_message": ""}}]}

    def predict(self):
        """POST /v1/models/NAME:predict."""
        length = self.headers.get("Content-Length", "")
        if not length.isdigit() or int(length) > LARGEST_BODY:
            self.close_connection = True
            raise Wrong(413, f"a body of at most {LARGEST_BODY} bytes, its length given")
        body = self.rfile.read(int(length))
        prefix, _, action = self.path.partition(":")
        if action != "predict" or not prefix.startswith("/v1/models/"):
            raise Wrong(404, f"nothing at {self.path}")
        model = self.model(prefix.removeprefix("/v1/models/"))
        try:
            request = json.loads(body)
        except ValueError as error:
            raise Wrong(400, f"the body is not JSON: {error}") from error
        if not isinstance(request, dict):
            raise Wrong(400, "the body is an object with `instances` or `inputs`")
        return model.predict(request)

    def model(self, name):
        """The model of that name."""
        if name not in self.models:
            raise Wrong(404, f"no model {name!r}; there are {', '.join(sorted(self.models)) or 'none'}")
        return self.models[name]

    def log_message(self, form, *values):
        """One line a request on stdout."""
        print(self.address_string(), form % values)


def serve(models, port):
    """Load, then answer until SIGTERM or Ctrl-C."""
    Handler.models = newest(models)
    if not Handler.models:
        sys.exit(f"serve: {models}: no model; it must hold NAME/VERSION/saved_model.pb")
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    with ThreadingHTTPServer(("", port), Handler) as server:
        print(f"serve: {', '.join(f'{name} version {model.version}' for name, model in Handler.models.items())} "
              f"on port {server.server_address[1]}", flush=True)
        try:
            server.serve_forever()
        except KeyboardInterrupt:
            pass


def check(port):
    """Exit code 0 where the server answers and has a model."""
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/v1/models", timeout=SECONDS_TO_CHECK) as answer:
            sys.exit(0 if json.load(answer)["models"] else 1)
    except OSError as error:
        sys.exit(f"serve: no answer on port {port}: {error}")


def main():
    """The command."""
    options = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    options.add_argument("--models", default="/models", help="folder of NAME/VERSION/saved_model.pb (default /models)")
    options.add_argument("--port", type=int, default=8501, help="default 8501; 0 takes a free one")
    options.add_argument("--check", action="store_true", help="ask a running server")
    chosen = options.parse_args()
    check(chosen.port) if chosen.check else serve(chosen.models, chosen.port)


if __name__ == "__main__":
    main()
