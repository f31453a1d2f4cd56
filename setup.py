"""Installs the packages `gaudi` and `models` and the command `gaudi`; scripts/setup.sh pins what they need by hash."""
from setuptools import find_packages, setup

setup(
    name="gaudi",
    version="0.1.0",
    description="Distributed training of document-signature models on Habana Gaudi cards, GPUs and CPUs",
    license="Apache-2.0",
    license_files=["LICENSE"],
    packages=find_packages(include=["gaudi", "gaudi.*", "models", "models.*"]),
    python_requires=">=3.10,<3.12",
    # TensorFlow comes as the build that the machine needs (tensorflow-cpu on CPUs and under Habana's bridge, tensorflow
    # on GPUs), Horovod is built against it, and tf-models-official would pull the wrong one: requirements/ names them.
    install_requires=["albumentations<1.4.4", "matplotlib", "mpi4py", "numpy<2", "opencv-python-headless", "pillow", "pyyaml",
                      "scikit-learn", "scipy", "tf-keras==2.15.1", "threadpoolctl"],
    entry_points={"console_scripts": ["gaudi=gaudi.cli:main"]},
)
