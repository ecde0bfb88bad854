# Stayhand as a container: no root, nothing writable but the data volume and /tmp, hash-pinned wheels only.
FROM python:3.11-slim-bookworm AS build
WORKDIR /opt/stayhand
COPY requirements.lock ./
RUN python -m venv .venv \
 && .venv/bin/python -m pip --disable-pip-version-check --no-input install -q --no-cache-dir \
      --require-hashes --only-binary :all: --no-deps -r requirements.lock \
 && .venv/bin/python -m pip uninstall -q -y setuptools \
 && echo /opt/stayhand > "$(.venv/bin/python -c 'import sysconfig; print(sysconfig.get_path("purelib"))')/stayhand.pth"
COPY firewall firewall
COPY audit audit
COPY policies policies
RUN .venv/bin/python -m compileall -q firewall audit

FROM python:3.11-slim-bookworm
RUN groupadd --system --gid 10001 stayhand \
 && useradd --system --uid 10001 --gid 10001 --home-dir /var/lib/stayhand --shell /usr/sbin/nologin stayhand \
 && install -d -o 10001 -g 10001 -m 0700 /var/lib/stayhand /etc/stayhand
COPY --from=build /opt/stayhand /opt/stayhand
COPY LICENSE /opt/stayhand/
ENV PYTHONDONTWRITEBYTECODE=1 \
    PYTHONUNBUFFERED=1 \
    XDG_STATE_HOME=/var/lib \
    STAYHAND_CONFIG=/etc/stayhand/stayhand.toml
USER 10001:10001
WORKDIR /var/lib/stayhand
VOLUME ["/var/lib/stayhand"]
EXPOSE 8787 8788
STOPSIGNAL SIGTERM
ENTRYPOINT ["/opt/stayhand/.venv/bin/python", "-P", "-m", "firewall.cli.entry"]
CMD ["serve"]
