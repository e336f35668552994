import argparse
import gc
import json
import logging
import os
import signal
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from allennlp.commands.subcommand import Subcommand
from allennlp.common.checks import check_for_gpu
from allennlp.common.params import parse_overrides
from allennlp.models.archival import load_archive
from allennlp.predictors import Predictor

from bert_classification.archives.named_checkpoint import BERT
from bert_classification.commands.studied import MODEL_HELP
from bert_classification.serving.settings import Settings

logger = logging.getLogger(__name__)

TOKEN = "BERT_CLASSIFICATION_TOKEN"


class Serve(Subcommand):
    """`allennlp serve`: a trained model over HTTP, on FastAPI and uvicorn."""

    def add_subparser(self, parser: argparse._SubParsersAction) -> argparse.ArgumentParser:
        subparser = parser.add_parser(
            self.name,
            description="Serve a trained model over HTTP: POST /predict, POST /predict_batch.",
            help="Serve a trained model over HTTP.",
        )
        add = subparser.add_argument
        add("--archive-path", required=True, help=MODEL_HELP)
        add("--predictor", help="a registered predictor (default: the model's own)")
        add("--predictor-args", type=json.loads, default={}, help="JSON of its arguments")
        add("--weights-file", help="a weights file in the place of the archive's")
        add("--cuda-device", type=int, default=-1, help="id of GPU to use (if any)")
        add("-o", "--overrides", default="", help="JSON that overrides the archive's config")
        add(
            "--bert",
            metavar="CHECKPOINT",
            help="a directory, or a name on the model hub, in the place of the checkpoint that an "
            "archive of others names and does not carry",
        )
        add("--host", default="127.0.0.1", help="the address to listen on")
        add("--port", type=int, default=8000, help="the port to listen on")
        add("--root-path", default="", help="the path that a reverse proxy takes off")
        add("--title", default="AllenNLP", help="the title of the page and the API's description")
        add(
            "--field-name",
            action="append",
            default=[],
            dest="field_names",
            metavar="NAME",
            help="a field of the page's form; may be repeated (default: the task's form)",
        )
        add("--static-dir", type=Path, help="a directory to serve in the place of the page")
        add(
            "--cors-origin",
            action="append",
            default=[],
            dest="cors_origins",
            metavar="ORIGIN",
            help="a web site whose pages may ask this server; may be repeated (default: none)",
        )
        add(
            "--token",
            default=os.environ.get(TOKEN),
            help=f"what clients have to bring as `authorization: Bearer ...` (default: ${TOKEN}, "
            "which the list of processes does not show; without one everybody may ask)",
        )
        add(
            "--label-studio",
            action="store_true",
            help="answer as an ML backend of Label Studio as well: /health, /setup, /predict",
        )
        add("--log-inputs", action="store_true", help="log the body of each request")
        Settings.add_options(subparser)
        subparser.set_defaults(func=serve)
        return subparser


def serve(args: argparse.Namespace) -> None:
    """Loads the archive and serves it until the process is told to stop."""
    # FastAPI and uvicorn take most of a second to import, which the other commands need not pay.
    from bert_classification.serving.app import make_app
    from bert_classification.serving.batching import CallingThread
    from bert_classification.serving.guard import encode_token
    from bert_classification.serving.logs import RepeatFilter
    from bert_classification.serving.memory import limit_arenas
    from bert_classification.serving.server import make_server

    limit_arenas()
    settings = Settings.of(args)
    if args.token is not None:
        encode_token(args.token)
    check_for_gpu(args.cuda_device)
    overrides = parse_overrides(args.overrides)
    if args.bert is not None:
        overrides[BERT] = args.bert
    archive = load_archive(
        args.archive_path,
        weights_file=args.weights_file,
        cuda_device=args.cuda_device,
        overrides=overrides,
    )
    predictor = Predictor.from_archive(archive, args.predictor, extra_args=args.predictor_args)
    model_thread = CallingThread()
    app = make_app(
        predictor,
        settings=settings,
        title=args.title,
        field_names=args.field_names,
        static_dir=args.static_dir,
        cors_origins=args.cors_origins,
        token=args.token,
        log_inputs=args.log_inputs,
        thread=model_thread,
        label_studio=args.label_studio,
    )
    # What is there now stays; searching it for garbage would hold up requests for 0.3 s, every now
    # and then.
    gc.collect()
    gc.freeze()
    repeats = RepeatFilter()
    for handler in logging.root.handlers:
        handler.addFilter(repeats)
    server = make_server(app, settings, host=args.host, port=args.port, root_path=args.root_path)
    for signal_number in (signal.SIGINT, signal.SIGTERM):
        # The server finishes what it accepted.
        signal.signal(signal_number, server.handle_exit)
    logger.info("serving %s on http://%s:%d", args.archive_path, args.host, args.port)
    with ThreadPoolExecutor(1, "server") as server_thread:
        running = server_thread.submit(server.run)
        running.add_done_callback(lambda _: model_thread.shutdown())
        model_thread.run()
    running.result()
