from fastapi import FastAPI


def add_description(app, predictions): ...
