from setuptools import setup

setup(
    name="bert-classification",
    version="0.1.0",
    packages=["bert_classification"],
    py_modules=["allennlp_compat"],
    entry_points={"torch.backends": ["allennlp_compat = allennlp_compat:install"]},
)
