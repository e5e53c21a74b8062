/** A scanner: makes phantoms, sends them with dcmtk until everything is acknowledged, and now and then breaks off for good. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { type PhantomStudy, writePhantomStudy } from '@ichor/phantom/writeStudy';
import { requirePeer } from '../support/peers.ts';
import type { Dice } from './disturbances.ts';

/** The same heads come again and again under new UIDs: what is found of one must always be the same. */
export const HEADS = [600, 601, 602, 603] as const;
/** Of which nothing is found when it is whole. */
const CLEAR_HEAD = 600;
const SLICES = 14;
/** So many must come for an analysis. */
const LEAST_SLICES = 12;
const SHARE_BROKEN_OFF = 0.15;
const PAUSE_MS = 500;
/** A receiver that takes nothing for so long is broken. */
const PATIENCE_MS = 240_000;

export type SentStudy = {
  readonly studyInstanceUid: string;
  readonly head: number;
  readonly sopInstanceUids: readonly string[];
  /** SOP Instance UIDs that were answered with Success. */
  readonly acknowledged: Set<string>;
  /** Every instance was acknowledged, and the last association released; otherwise it was left broken off. */
  whole: boolean;
};
export type Scanner = { readonly folder: string; readonly port: number; readonly dice: Dice; readonly salt: string };

/** @returns the study, at once in `sent` too. @throws Error when the receiver takes nothing any more */
export async function scan(scanner: Scanner, sent: SentStudy[]): Promise<void> {
  const { dice } = scanner;
  const breaksOff = dice.chance(SHARE_BROKEN_OFF);
  const head = breaksOff ? CLEAR_HEAD : dice.pick(HEADS);
  const out = join(scanner.folder, `${scanner.salt}-${sent.length}`);
  const made = await writePhantomStudy({
    out,
    seed: head,
    uidSalt: `${scanner.salt} ${sent.length} ${Math.floor(dice.uniform() * 1e9)}`,
    bleeds: head % 2 === 0 ? [] : ['intraparenchymal'],
    slices: SLICES,
    matrix: 128,
  });
  const { studyInstanceUid, sopInstanceUids } = made;
  const study: SentStudy = { studyInstanceUid, head, sopInstanceUids, acknowledged: new Set(), whole: false };
  sent.push(study);
  try {
    if (breaksOff) await sendAndBreakOff(scanner, made, study);
    else await sendWhole(scanner, made, study);
  } finally {
    await rm(out, { recursive: true });
  }
}

/** Again what was not acknowledged; all of it when the association was not released. */
async function sendWhole(scanner: Scanner, { files }: PhantomStudy, study: SentStudy): Promise<void> {
  const deadline = performance.now() + PATIENCE_MS;
  while (!study.whole) {
    if (performance.now() > deadline)
      throw new Error(`study ${study.studyInstanceUid} was not taken within ${PATIENCE_MS / 1000} s`);
    const left = files.filter((_, index) => !study.acknowledged.has(study.sopInstanceUids[index]!));
    const released = await send(scanner, left.length > 0 ? left : files, files, study, null);
    study.whole = released && study.acknowledged.size === files.length;
    if (!study.whole) await new Promise((resolve) => setTimeout(resolve, PAUSE_MS));
  }
}

/** The sender dies within the last slices, and never comes back. */
async function sendAndBreakOff(scanner: Scanner, { files }: PhantomStudy, study: SentStudy): Promise<void> {
  const released = await send(scanner, files, files, study, scanner.dice.pick([LEAST_SLICES, LEAST_SLICES + 1]));
  study.whole = released && study.acknowledged.size === files.length;
}

/** @param killAfter so many answers with Success the sender is killed. @returns whether the association was released */
async function send(
  { port }: Scanner,
  files: readonly string[],
  all: readonly string[],
  { acknowledged, sopInstanceUids }: SentStudy,
  killAfter: number | null,
): Promise<boolean> {
  const timeouts = ['-to', '10', '-ta', '15', '-td', '15'];
  const names = ['-aet', 'CTSCANNER', '-aec', 'ICHOR', '127.0.0.1', String(port)];
  const storescu = spawn(requirePeer('storescu'), ['-v', '-R', ...timeouts, ...names, ...files], {
    env: { ...process.env, TCP_NODELAY: '1' },
  });
  let [rest, current, answers] = ['', '', 0];
  const read = (data: Buffer): void => {
    const lines = `${rest}${data}`.split('\n');
    rest = lines.pop()!;
    for (const line of lines) {
      current = /Sending file: (.*)$/.exec(line)?.[1] ?? current;
      if (!/Received Store Response \(Success\)/.test(line)) continue;
      acknowledged.add(sopInstanceUids[all.indexOf(current)]!);
      if (++answers === killAfter) storescu.kill('SIGKILL');
    }
  };
  for (const stream of [storescu.stdout, storescu.stderr]) stream.on('data', read);
  const [code] = await once(storescu, 'close');
  return code === 0;
}
