from bert_classification.serving.command import Serve
