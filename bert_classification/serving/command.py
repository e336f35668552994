import argparse
import logging
import signal
import sys

from allennlp.commands.subcommand import Subcommand
from allennlp.common.checks import check_for_gpu
from allennlp.models.archival import load_archive
from allennlp.predictors import Predictor

logger = logging.getLogger(__name__)


@Subcommand.register("serve")
class Serve(Subcommand):
    """`allennlp serve`: a trained model over HTTP, on FastAPI and uvicorn."""

    def add_subparser(self, parser: argparse._SubParsersAction) -> argparse.ArgumentParser:
        subparser = parser.add_parser(
            self.name,
            description="Serve a trained model over HTTP: POST /predict, POST /predict_batch.",
            help="Serve a trained model over HTTP.",
        )
        subparser.add_argument(
            "--archive-path", required=True, help="the archive of the trained model"
        )
        subparser.add_argument(
            "--predictor", help="a registered predictor (default: the model's own)"
        )
        subparser.add_argument(
            "--weights-file", help="a weights file in the place of the archive's"
        )
        subparser.add_argument("--host", default="127.0.0.1", help="the address to listen on")
        subparser.add_argument("--port", type=int, default=8000, help="the port to listen on")
        subparser.add_argument(
            "--title", default="AllenNLP", help="the title in the API's description"
        )
        subparser.add_argument(
            "--cuda-device", type=int, default=-1, help="id of GPU to use (if any)"
        )
        subparser.add_argument(
            "-o", "--overrides", default="", help="JSON that overrides the archive's config"
        )
        subparser.set_defaults(func=serve)
        return subparser


def serve(args: argparse.Namespace) -> None:
    """Loads the archive and serves it until the process is told to stop."""
    # FastAPI and uvicorn take most of a second to import, which the other commands need not pay.
    import uvicorn

    from bert_classification.serving.app import make_app

    check_for_gpu(args.cuda_device)
    archive = load_archive(
        args.archive_path,
        weights_file=args.weights_file,
        cuda_device=args.cuda_device,
        overrides=args.overrides,
    )
    predictor = Predictor.from_archive(archive, args.predictor)
    # uvicorn finishes what it accepted and then passes the signal on; that is a good end.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    logger.info("serving %s on http://%s:%d", args.archive_path, args.host, args.port)
    app = make_app(predictor, args.title)
    # By default uvicorn closes the log files that are open.
    uvicorn.run(app, host=args.host, port=args.port, log_config=None, access_log=False)
