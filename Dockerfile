# The image, made by scripts/image: it puts the static binary and the empty directories of
# target/image in place. Nothing is pulled.
FROM scratch
COPY . /
# Any other will do as well (--user).
USER 65532:65532
# Whoever can reach these ports is root on the files: publish them on 127.0.0.1 (-p
# 127.0.0.1:2049:2049), or on a network of their own.
ENV LOCALEFS_LISTEN=0.0.0.0:2049 LOCALEFS_API=0.0.0.0:4599
# Below the volume, so that whichever user runs this makes a directory of its own.
ENV LOCALEFS_DATA=/data/localefs TMPDIR=/data
VOLUME /data
EXPOSE 2049 4599
HEALTHCHECK --interval=2s --timeout=5s --start-period=10s CMD ["/usr/bin/localefs", "health"]
STOPSIGNAL SIGTERM
ENTRYPOINT ["/usr/bin/localefs"]
