# `allennlp` with BERT for every task. The wheels of PyTorch on the package index run on CPUs and on NVIDIA GPUs:
#   docker build -t bert-classification .
# For CPUs alone, some gigabytes smaller, name the index of CPU builds that PyTorch's page of installation gives:
#   docker build -t bert-classification:cpu --build-arg TORCH_INDEX=... .
FROM python:3.11-slim AS build
ARG TORCH_INDEX=""
WORKDIR /source
COPY . .
ENV PATH=/opt/bert/bin:$PATH PIP_NO_CACHE_DIR=1 PIP_DISABLE_PIP_VERSION_CHECK=1
RUN python -m venv /opt/bert \
    && pip install ${TORCH_INDEX:+--extra-index-url "$TORCH_INDEX"} -c constraints.txt ./allennlp_compat . \
    && bert-classification install-allennlp \
    && bert-classification doctor

FROM python:3.11-slim
# What the container runtime of NVIDIA asks for; without a GPU they do nothing.
ENV PATH=/opt/bert/bin:$PATH PYTHONUNBUFFERED=1 HF_HOME=/cache \
    NVIDIA_VISIBLE_DEVICES=all NVIDIA_DRIVER_CAPABILITIES=compute,utility
COPY --from=build /opt/bert /opt/bert
RUN useradd --uid 1000 --create-home bert && mkdir /cache /data && chown bert /cache /data
USER 1000
WORKDIR /data
EXPOSE 8000
ENTRYPOINT ["allennlp"]
CMD ["serve", "--archive-path", "/data/model.tar.gz", "--host", "0.0.0.0"]
