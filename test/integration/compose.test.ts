/** docker-compose.yml without an engine: everything it refers to exists, and every setting is one that Ichor knows. */
import { readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { readConfig } from '@ichor/settings/config';
import { SETTINGS } from '@ichor/settings/settings';
import { describe, expect, test } from '@jest/globals';
import { parse } from 'yaml';

const ROOT = join(import.meta.dirname, '..', '..');
type Service = {
  image: string;
  build?: string;
  command?: string[];
  entrypoint?: string[];
  environment?: Record<string, string | number>;
  ports?: string[];
  volumes?: string[];
  depends_on?: Record<string, { condition: string }>;
  healthcheck?: { test: string[] };
};
type Compose = { services: Record<string, Service>; volumes: Record<string, unknown> };

const text = (path: string): string => readFileSync(join(ROOT, path), 'utf8');
const compose = parse(text('docker-compose.yml'), { merge: true }) as Compose;
const services = Object.entries(compose.services);
const own = services.filter(([, service]) => service.image === 'ichor');

describe('docker-compose.yml', () => {
  test('has the three roles of Ichor, Redis, PostgreSQL, a PACS and a viewer', () => {
    expect(new Set(Object.keys(compose.services))).toEqual(
      new Set(['database', 'pacs', 'queue', 'receiver', 'viewer', 'worker', 'worklist']),
    );
    expect(own.map(([, service]) => service.command)).toEqual([
      ['start', 'receiver'],
      ['start', 'worker'],
      ['start', 'worklist'],
    ]);
  });

  test('gives the roles settings that Ichor knows and accepts', () => {
    for (const [, { environment = {} }] of own) {
      const env = Object.fromEntries(
        Object.entries(environment).map(([name, value]) => [name, interpolate(String(value))]),
      );
      expect(Object.keys(env).filter((name) => !(name in SETTINGS))).toEqual([]);
      expect(readConfig(env).problems).toEqual([]);
    }
  });

  test('names images without a registry host, and a check of health for every service', () => {
    for (const [name, { image, healthcheck }] of services) {
      expect(image).toMatch(/^([a-z0-9-]+\/)?[a-z0-9-]+(:[\w.-]+)?$/);
      expect([name, healthcheck?.test[0]]).toEqual([name, 'CMD']);
    }
  });

  test('waits only for services that exist and can tell their health', () => {
    for (const [, { depends_on = {} }] of services)
      for (const [name, { condition }] of Object.entries(depends_on))
        expect([name, condition, compose.services[name]?.healthcheck !== undefined]).toEqual([
          name,
          'service_healthy',
          true,
        ]);
  });

  test('mounts files that exist and volumes that are declared', () => {
    for (const [, { volumes = [] }] of services)
      for (const source of volumes.map((volume) => volume.split(':')[0]!))
        if (source.startsWith('.')) expect(statSync(join(ROOT, source)).isFile()).toBe(true);
        else expect(Object.keys(compose.volumes)).toContain(source);
  });

  test('reaches every host and port under the name and number that the other side has', () => {
    const settings = compose.services.receiver!.environment!;
    expect(settings.ICHOR_DATABASE_URL).toContain('@database:5432/');
    expect(settings.ICHOR_QUEUE_URL).toBe('redis://queue:6379');
    const pacs = JSON.parse(text('deploy/orthanc/orthanc.json'));
    expect(settings.ICHOR_DESTINATIONS).toBe(`${pacs.DicomAet}@pacs:${pacs.DicomPort}`);
    expect(pacs.DicomModalities.ichor).toMatchObject({
      AET: 'ICHOR',
      Host: 'receiver',
      Port: settings.ICHOR_DICOM_PORT,
    });
    expect(text('deploy/ohif/nginx.conf')).toContain(`http://pacs:${pacs.HttpPort};`);
    expect(compose.services.viewer!.ports).toEqual(['127.0.0.1:3000:8080']);
  });

  test('shows pages without sign-in on this host only', () => {
    const published = services.flatMap(([, { ports = [] }]) => ports);
    expect(new Set(published.filter((port) => !port.startsWith('127.0.0.1:')))).toEqual(
      new Set(['11112:11112', '4242:4242']),
    );
  });
});

describe('Dockerfile', () => {
  const lines = text('Dockerfile').split('\n');

  test('copies only what exists and runs as an unprivileged user', () => {
    const copied = lines
      .filter((line) => /^COPY (?!--from)/.test(line))
      .flatMap((line) => line.split(' ').slice(1, -1));
    for (const path of copied)
      expect([path, statSync(join(ROOT, path), { throwIfNoEntry: false }) !== undefined]).toEqual([path, true]);
    expect(lines).toContain('USER node');
  });

  test('installs every workspace and starts a command that exists', () => {
    for (const workspace of [
      'apps/cli',
      'apps/receiver',
      'apps/worker',
      'apps/worklist',
      'packages/phantom',
      'packages/shared',
    ])
      expect(lines).toContain(`COPY ${workspace}/package.json ${workspace}/`);
    const entry = /ENTRYPOINT \["\/opt\/ichor\/(.*)"\]/.exec(text('Dockerfile'))![1]!;
    expect(statSync(join(ROOT, entry)).mode & 0o111).not.toBe(0);
  });
});

/** `${NAME:-default}` as compose fills it in when NAME is unset. */
const interpolate = (value: string): string => value.replace(/\$\{\w+:-([^}]*)\}/g, '$1');
