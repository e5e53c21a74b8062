/** Failing inputs, kept in a folder so that they can be looked at and given again. */
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Fault, Input } from './target.ts';

export type Finding = Fault & { readonly index: number; readonly about: string; readonly path: string };

export type Findings = {
  readonly all: readonly Finding[];
  /** Keeps the input; a fault of the same kind and wording as one before is only counted. */
  add(faults: readonly Fault[], index: number, input: Input): Promise<void>;
  /** How often each wording was seen. */
  counts(): ReadonlyMap<string, number>;
};

export function keepFindings(folder: string, seed: number, print: (line: string) => void): Findings {
  const all: Finding[] = [];
  const counts = new Map<string, number>();
  return {
    all,
    counts: () => counts,
    async add(faults, index, { bytes, about }) {
      for (const fault of faults) {
        const wording = wordingOf(fault);
        counts.set(wording, (counts.get(wording) ?? 0) + 1);
        if (counts.get(wording)! > 1) continue;
        const path = join(folder, `seed${seed}-input${index}-${fault.kind}`);
        all.push({ ...fault, index, about, path });
        print(`FAULT ${fault.kind} at input ${index} (${about}): ${fault.message}\n      kept as ${path}.bin`);
        await mkdir(folder, { recursive: true });
        await writeFile(`${path}.bin`, bytes);
        await writeFile(`${path}.json`, `${JSON.stringify({ seed, index, about, ...fault }, null, 2)}\n`);
      }
    },
  };
}

/** Without what differs from input to input. */
const wordingOf = ({ kind, message }: Fault): string =>
  `${kind}: ${message.replaceAll(/[0-9a-fx.]*\d[0-9a-f.]*/gi, '#').slice(0, 160)}`;
