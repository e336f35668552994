"""The repairs, one module for each library that changed; importing this binds them all."""

from allennlp_compat.repairs import (  # noqa: F401
    huggingface_hub,
    multiprocessing,
    nltk,
    optional_packages,
    overrides,
    plugins,
    start_up,
    torch,
    torch_tensor_cache,
    transformers_models,
    transformers_names,
    transformers_optimizer,
    transformers_tokenizers,
    transformers_weights,
    wandb,
)
