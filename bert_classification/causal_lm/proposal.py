"""What `allennlp init-config` proposes for text to continue."""

from bert_classification.data.text_proposal import TextProposal


class Proposal(TextProposal):
    pass
