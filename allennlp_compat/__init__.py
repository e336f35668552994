"""
Lets the last release of AllenNLP (2.10.1, 2022) run unmodified on current PyTorch and transformers.

`pyproject.toml` names `install` as an entry point of the group `torch.backends`. PyTorch calls such
entry points at the end of `import torch`, and AllenNLP imports PyTorch before anything of its own,
so the repairs are in place in every process: the console script, `python -m allennlp`, notebooks,
pytest, spawned workers.

`install` only puts a finder on `sys.meta_path` (`hook.py`); the first module of AllenNLP that is
looked up loads the repairs, `repairs/`, one module for each library that changed. A repair whose
cause is absent changes nothing.

Set `ALLENNLP_COMPAT_LOG=1` to see on standard error what was applied.
"""

from allennlp_compat.hook import install

__all__ = ["install"]
