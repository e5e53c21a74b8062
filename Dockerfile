# One image for every role; the role is the command: receiver, worker, worklist.
FROM node:24-slim AS modules
WORKDIR /opt/ichor
COPY package.json package-lock.json .npmrc ./
COPY apps/cli/package.json apps/cli/
COPY apps/cli/bin apps/cli/bin
COPY apps/receiver/package.json apps/receiver/
COPY apps/worker/package.json apps/worker/
COPY apps/worklist/package.json apps/worklist/
COPY packages/accounts/package.json packages/accounts/
COPY packages/analysis/package.json packages/analysis/
COPY packages/dicom/package.json packages/dicom/
COPY packages/dimse/package.json packages/dimse/
COPY packages/evaluation/package.json packages/evaluation/
COPY packages/phantom/package.json packages/phantom/
COPY packages/report/package.json packages/report/
COPY packages/settings/package.json packages/settings/
COPY packages/shared/package.json packages/shared/
COPY packages/store/package.json packages/store/
COPY packages/telemetry/package.json packages/telemetry/
RUN npm ci --omit=dev

FROM node:24-slim
WORKDIR /opt/ichor
COPY --from=modules /opt/ichor/node_modules node_modules
COPY package.json ./
COPY migrations migrations
COPY models models
COPY packages packages
COPY apps apps
# A named volume takes over the owner of the folder that it covers. The second folder is what apps/cli/bin/ichor keeps between starts.
RUN mkdir -p /data node_modules/.cache/ichor && chown node:node /data node_modules/.cache/ichor
USER node
ENV ICHOR_DATA_DIR=/data ICHOR_BIND=0.0.0.0 PATH=/opt/ichor/apps/cli/bin:$PATH
# So that a container whose file system is read-only has it too.
RUN ichor --help > /dev/null && { ichor echo ICHOR@127.0.0.1:11112 2> /dev/null || true; }
VOLUME /data
EXPOSE 11112 8080
ENTRYPOINT ["/opt/ichor/apps/cli/bin/ichor"]
CMD ["start"]
