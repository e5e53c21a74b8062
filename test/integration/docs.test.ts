/** What README and docs say must be there: files, links, settings, and what the conformance statement promises. */
import { access, readdir, readFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { TRANSFER_SYNTAXES } from '@ichor/dicom/transferSyntaxes';
import { MAX_ASSOCIATE_REQUEST_LENGTH, MAX_PDU_LENGTH } from '@ichor/dimse/acceptor/framing';
import { loadConfig } from '@ichor/settings/config';
import { SETTINGS } from '@ichor/settings/settings';
import { describe, expect, test } from '@jest/globals';
import { ROOT } from '../support/ichor.ts';

const FOLDERS = ['apps', 'bench', 'docs', 'migrations', 'models', 'packages', 'test', 'training', 'deploy'];
const pages = ['README.md', ...(await pagesIn('docs')), ...(await pagesIn('docs/adr'))];

async function pagesIn(folder: string): Promise<string[]> {
  return (await readdir(join(ROOT, folder))).filter((name) => name.endsWith('.md')).map((name) => `${folder}/${name}`);
}
const textOf = (page: string): Promise<string> => readFile(join(ROOT, page), 'utf8');
const exists = (path: string): Promise<boolean> =>
  access(path).then(
    () => true,
    () => false,
  );
const missingOf = async (paths: readonly string[]): Promise<string[]> => {
  const there = await Promise.all(paths.map((path) => exists(path)));
  return paths.filter((_, index) => !there[index]);
};

describe.each(pages)('%s', (page) => {
  test('names files and links to pages that exist', async () => {
    const text = await textOf(page);
    const mentioned = [...text.matchAll(/`([a-z]+\/[\w./-]*)`/g)].map(([, path]) => path!);
    const files = mentioned.filter((path) => FOLDERS.includes(path.split('/')[0]!)).map((path) => join(ROOT, path));
    const links = [...text.matchAll(/\]\((?!https?:|mailto:|#)([^)#\s]+)/g)].map(([, link]) =>
      join(ROOT, dirname(page), link!),
    );
    if (page === 'README.md') expect(files.length).toBeGreaterThan(20);
    expect(await missingOf([...files, ...links])).toEqual([]);
  });

  test('names settings that exist', async () => {
    const mentioned = [...(await textOf(page)).matchAll(/\b(ICHOR_[A-Z_]*[A-Z])\b(?!_|…)/g)].map(([, name]) => name!);
    const elsewhere = new Set(['ICHOR_PYTHON', 'ICHOR_0_3', 'ICHOR_0']);
    expect(mentioned.filter((name) => !(name in SETTINGS) && !elsewhere.has(name))).toEqual([]);
  });
});

test('the conformance statement lists the transfer syntaxes that are accepted, and the limits that hold', async () => {
  const text = await textOf('docs/conformance.md');
  const section = text.slice(text.indexOf('### 2.2'), text.indexOf('### 2.3'));
  expect([...section.matchAll(/\| (1\.2\.840\.[\d.]+) \|/g)].map(([, uid]) => uid)).toEqual(
    TRANSFER_SYNTAXES.map(({ uid }) => uid),
  );
  const { maxAssociations, artimMs, idleTimeoutMs, deliveryTimeoutMs, ...limits } = loadConfig({});
  expect(text).toContain(`\`ICHOR_MAX_ASSOCIATIONS_PER_ADDRESS\` (${limits.maxAssociationsPerAddress})`);
  expect(text).toContain(`\`ICHOR_MAX_UNASSOCIATED_PER_ADDRESS\` (${limits.maxUnassociatedPerAddress})`);
  expect(text).toContain(`\`ICHOR_MIN_BYTES_PER_SECOND\` (${limits.minBytesPerSecond})`);
  expect(text).toContain(`up to ${MAX_ASSOCIATE_REQUEST_LENGTH.toLocaleString('en')} bytes`);
  expect(text).toContain(`${MAX_PDU_LENGTH.toLocaleString('en')} bytes`);
  expect(text).toContain(`\`ICHOR_MAX_ASSOCIATIONS\` (${maxAssociations})`);
  expect(text).toContain(`\`ICHOR_ARTIM_MS\` (${artimMs / 1000} s)`);
  expect(text).toContain(`\`ICHOR_IDLE_TIMEOUT_MS\` (${idleTimeoutMs / 1000} s)`);
  expect(text).toContain(`\`ICHOR_DELIVERY_TIMEOUT_MS\` (${deliveryTimeoutMs / 1000} s)`);
});
