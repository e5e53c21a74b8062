/** The two patients of the demo, who do not exist. */
import { join } from 'node:path';
import type { Bleed } from '@ichor/phantom/bleeds';
import { type PhantomStudy, writePhantomStudy } from '@ichor/phantom/writeStudy';
import type { ResultState } from '@ichor/shared/study';

export type DemoStudy = {
  readonly title: string;
  readonly study: PhantomStudy;
  readonly expected: ResultState;
};

const STUDIES: readonly {
  name: string;
  title: string;
  seed: number;
  bleeds: readonly Bleed[];
  expected: ResultState;
}[] = [
  { name: 'normal', title: 'no hemorrhage', seed: 14, bleeds: [], expected: 'clear' },
  {
    name: 'bleed',
    title: 'a subdural hemorrhage',
    seed: 13,
    bleeds: ['subdural'],
    expected: 'flagged',
  },
];
const SLICES = 32;

/** Writes both studies, the normal one first, so that the order of the worklist is no accident. */
export async function makePhantoms(folder: string): Promise<DemoStudy[]> {
  const made: DemoStudy[] = [];
  for (const { name, title, seed, bleeds, expected } of STUDIES) {
    const study = await writePhantomStudy({
      out: join(folder, name),
      seed,
      bleeds,
      slices: SLICES,
      uidSalt: `demo ${Date.now()}`,
    });
    made.push({ title, study, expected });
  }
  return made;
}
