/** A secret from a person, who does not see it while typing, or from a pipe. */
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { Writable } from 'node:stream';
import { IchorError } from '@ichor/shared/errors';

/** @returns asks `prompt` on a terminal, twice when `again`; takes the first line of a pipe @throws IchorError INPUT_UNUSABLE */
export function openSecretReader(
  stdin: NodeJS.ReadStream,
  stderr: NodeJS.WriteStream,
): (prompt: string) => Promise<string> {
  return async (prompt) => {
    if (!stdin.isTTY) return firstLine(stdin);
    const secret = await ask(stdin, stderr, `${prompt}: `);
    if ((await ask(stdin, stderr, `${prompt} again: `)) === secret) return secret;
    throw new IchorError('INPUT_UNUSABLE', { path: prompt, reason: 'it was not typed the same twice' });
  };
}

async function firstLine(stdin: NodeJS.ReadStream): Promise<string> {
  let text = '';
  for await (const data of stdin) {
    text += data;
    if (text.includes('\n')) break;
  }
  return text.split(/\r?\n/)[0]!;
}

async function ask(stdin: NodeJS.ReadStream, stderr: NodeJS.WriteStream, prompt: string): Promise<string> {
  const silent = new Writable({ write: (_data, _encoding, done) => done() });
  const reader = createInterface({ input: stdin, output: silent, terminal: true });
  stderr.write(prompt);
  try {
    const [line] = await Promise.race([once(reader, 'line'), once(reader, 'close').then(() => [null])]);
    if (line === null)
      throw new IchorError('INPUT_UNUSABLE', { path: prompt.replace(/: $/, ''), reason: 'nothing was typed' });
    return line as string;
  } finally {
    reader.close();
    stderr.write('\n');
  }
}
