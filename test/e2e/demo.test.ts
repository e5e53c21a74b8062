/** `npm run demo -- --exit`, as a person runs it who has just cloned the repository. */
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { eventually, ROOT } from '../support/ichor.ts';
import { openWorkFolder, type WorkFolder } from '../support/workFolder.ts';

const MAIN = join(ROOT, 'apps', 'cli', 'src', 'main.ts');
let folder: WorkFolder;
beforeAll(async () => {
  folder = await openWorkFolder('demo');
});
afterAll(() => folder.remove());

/** Starts the demo in a folder of its own; `ICHOR_MODEL` because `models/default` is looked for from there. */
function startDemo(...options: string[]) {
  const env = { PATH: process.env['PATH']!, HOME: process.env['HOME']!, ICHOR_MODEL: join(ROOT, 'models', 'default') };
  const child = spawn(process.execPath, [MAIN, 'demo', ...options], {
    cwd: folder.path,
    env,
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const text = { stdout: '', stderr: '' };
  child.stdout.on('data', (data) => {
    text.stdout += data;
  });
  child.stderr.on('data', (data) => {
    text.stderr += data;
  });
  return { child, text };
}

describe('ichor demo', () => {
  test('--exit brings both studies through, the positive one first, and leaves valid objects behind', async () => {
    const { child, text } = startDemo('--exit');
    const [code] = await once(child, 'close');
    expect([code, text.stderr.includes('missing:')]).toEqual([0, false]);
    const rows = text.stdout.split('\n').filter((line) => /^ {2}(flagged|clear) /.test(line));
    expect(rows.map((row) => row.trim().split(/\s+/)[0])).toEqual(['flagged', 'clear']);
    expect(text.stdout).toContain('not for diagnostic use');
    const files = readdirSync(join(folder.path, 'data', 'demo', 'pacs'), { recursive: true, encoding: 'utf8' });
    expect(files.filter((name) => /SR-.*\.dcm$/.test(name))).toHaveLength(2);
    expect(files.filter((name) => /SC-.*\.dcm$/.test(name)).length).toBeGreaterThan(0);
    for (const name of files.filter((file) => file.endsWith('.dcm')))
      expect(errorsOf(join(folder.path, 'data', 'demo', 'pacs', name))).toEqual([]);
  });

  test('a second demo finds the ports taken and runs beside the first; SIGTERM ends both with nothing left behind', async () => {
    const first = startDemo();
    await untilPrinted(first, 'the worklist on');
    const demos = [first, startDemo()];
    await Promise.all(demos.map((one) => untilPrinted(one, 'Ichor goes on running')));
    const urls = demos.map(({ text }) => /http:\/\/127\.0\.0\.1:\d+\//.exec(text.stdout)![0]);
    expect(urls[0]).not.toBe(urls[1]);
    for (const url of urls) expect(await (await fetch(url)).text()).toContain('Not for diagnostic use');
    const ends = demos.map(({ child }) => once(child, 'exit'));
    for (const { child } of demos) child.kill('SIGTERM');
    expect((await Promise.all(ends)).map(([code]) => code)).toEqual([0, 0]);
    expect(spawnSync('pgrep', ['-f', `postgres -D ${folder.path}`], { encoding: 'utf8' }).stdout).toBe('');
  });
});

const untilPrinted = ({ text }: ReturnType<typeof startDemo>, wanted: string) =>
  eventually(`the demo to print "${wanted}"`, async () => text.stdout.includes(wanted), 120_000);

/** What dciodvfy calls an error. */
function errorsOf(path: string): string[] {
  const { stdout, stderr } = spawnSync('dciodvfy', ['-new', path], { encoding: 'utf8' });
  return `${stdout}${stderr}`.split('\n').filter((line) => line.startsWith('Error'));
}
