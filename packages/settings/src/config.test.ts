import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { loadConfig, readConfig } from './config.ts';
import { readSetting } from './setting.ts';
import { SECTIONS, SETTINGS, settingsOf } from './settings.ts';

let folder: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'ichor-settings-'));
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

let files = 0;
function fileOf(...lines: string[]): string {
  const path = join(folder, `${files++}.yaml`);
  writeFileSync(path, `${lines.join('\n')}\n`);
  return path;
}

test('no two settings share a name, and every default can be read', () => {
  const all = SECTIONS.flatMap(settingsOf);
  expect(Object.keys(SETTINGS)).toHaveLength(all.length);
  for (const setting of all) expect(() => readSetting(setting)).not.toThrow();
});

test('a setting that is empty counts as not set', () => {
  expect(loadConfig({ ICHOR_DICOM_PORT: '', ICHOR_OIDC_ISSUER: '' })).toEqual(loadConfig({}));
});

test.each([
  ['ICHOR_DICOM_PORT', ' ', 'must be a whole number from 0 to 65535, not " "'],
  ['ICHOR_DICOM_PORT', '1.5', 'must be a whole number from 0 to 65535, not "1.5"'],
  ['ICHOR_AE_TITLE', 'SEVENTEEN_LETTERS', 'must be 1 to 16 printable characters without backslash (PS3.5 §6.2)'],
  ['ICHOR_HEATMAPS', 'true', 'must be one of on, off'],
  ['ICHOR_OTHER_STORAGE', 'keep', 'must be one of store, ignore'],
  ['ICHOR_QUEUE_URL', 'http://queue', 'must start with redis:// or rediss:// or postgres:// or postgresql://'],
  ['ICHOR_VIEWER_URL', 'viewer', 'must start with https:// or http://'],
  [
    'ICHOR_PUBLIC_URL',
    'https://a/b',
    'must be https://host[:port] or http://host[:port] without a path, not "https://a/b"',
  ],
  ['ICHOR_WORKER_QUEUES', 'mail', 'must name triage, delivery, notification, or several of them'],
  ['ICHOR_AUDIT_SYSLOG', 'udp:host', 'must be udp://host:port, tcp://host:port or tls://host:port, not "udp:host"'],
])('%s=%s is refused, and the message says why', (name, text, reason) => {
  expect(readConfig({ [name]: text }).problems).toEqual([`${name} ${reason}`]);
});

describe('an unknown name', () => {
  test.each([
    ['ICHOR_DICOM_PROT', 'ICHOR_DICOM_PORT'],
    ['ICHOR_DESTINATION', 'ICHOR_DESTINATIONS'],
    ['ICHOR_WEBHOOK_SECRETS', 'ICHOR_WEBHOOK_SECRET'],
  ])('%s is refused with the nearest known one, %s', (name, nearest) => {
    expect(readConfig({ [name]: '1' }).problems).toEqual([
      expect.stringContaining(`${name} is not a setting of Ichor. Did you mean ${nearest}?`),
    ]);
  });

  test('that the tests or the training read is none of ours', () => {
    expect(readConfig({ ICHOR_PYTHON: 'python3' }).problems).toEqual([]);
  });
});

describe('the file that ICHOR_CONFIG names', () => {
  test('gives settings under the same names, and the environment wins over it', () => {
    const path = fileOf('# hospital', 'ICHOR_DICOM_PORT: 104', 'ICHOR_HTTP_PORT: 80', 'ICHOR_HEATMAPS: off');
    const { dicomPort, httpPort, heatmaps } = loadConfig({ ICHOR_CONFIG: path, ICHOR_HTTP_PORT: '8000' });
    expect([dicomPort, httpPort, heatmaps]).toEqual([104, 8000, false]);
  });

  test('gives a text as it is written, and a list as one', () => {
    const path = fileOf('ICHOR_AE_TITLE: 0042', 'ICHOR_CALLERS:', '  - CT1@10.0.0.7', '  - CT2', 'ICHOR_QUEUE_URL:');
    const { aeTitle, callers, queueUrl } = loadConfig({ ICHOR_CONFIG: path });
    expect([aeTitle, callers.map((caller) => caller.aeTitle), queueUrl]).toEqual(['0042', ['CT1', 'CT2'], null]);
  });

  test('may be empty', () => {
    expect(readConfig({ ICHOR_CONFIG: fileOf('# nothing yet') }).problems).toEqual([]);
  });

  test('has every problem named at once, each with its line', () => {
    const path = fileOf(
      'ICHOR_DICOM_PORT: 99999',
      'DICOM_PORT: 104',
      'ICHOR_PYTHON: python3',
      'ICHOR_MODEL: { folder: models }',
      'ICHOR_CONFIG: other.yaml',
      'ICHOR_DICOM_TLS_KEY: key.pem',
    );
    expect(readConfig({ ICHOR_CONFIG: path, ICHOR_HTTP_PORT: 'x' }).problems).toEqual([
      `ICHOR_MODEL must be one value, or a list of values (${path}:4)`,
      `ICHOR_CONFIG belongs into the environment, not into a file (${path}:5)`,
      `ICHOR_DICOM_PORT must be a whole number from 0 to 65535, not "99999" (${path}:1)`,
      'ICHOR_HTTP_PORT must be a whole number from 0 to 65535, not "x"',
      expect.stringMatching(/^DICOM_PORT is not a setting of Ichor. Did you mean ICHOR_DICOM_PORT\?.*yaml:2\)$/),
      expect.stringMatching(/^ICHOR_PYTHON is not a setting of Ichor.*yaml:3\)$/),
      `ICHOR_DICOM_TLS_KEY and ICHOR_DICOM_TLS_CERT must be set together (${path}:6)`,
    ]);
  });

  test.each([
    ['is not YAML', ['ICHOR_BIND: [127.0.0.1'], /yaml:2 is not YAML: /],
    ['names a setting twice', ['ICHOR_BIND: a', 'ICHOR_BIND: b'], /yaml:2 is not YAML: Map keys must be unique/],
    ['is a list', ['- ICHOR_BIND'], /yaml:1 must be lines of the form NAME: value/],
  ])('is refused with its line where it %s', (_, lines, problem) => {
    expect(readConfig({ ICHOR_CONFIG: fileOf(...lines) }).problems).toEqual([expect.stringMatching(problem)]);
  });

  test('must be there', () => {
    const path = join(folder, 'absent.yaml');
    expect(readConfig({ ICHOR_CONFIG: path }).problems).toEqual([
      expect.stringMatching(/^ICHOR_CONFIG names .*absent\.yaml, which cannot be read \(ENOENT.*correct the path/),
    ]);
  });
});
