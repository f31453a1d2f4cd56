"""Installs the packages `gaudi` and `models` and the command `gaudi`."""
from setuptools import find_packages, setup

setup(
    name="gaudi",
    version="0.1.0",
    packages=find_packages(include=["gaudi", "gaudi.*", "models", "models.*"]),
    python_requires=">=3.10,<3.12",
    entry_points={"console_scripts": ["gaudi=gaudi.cli:main"]},
)
