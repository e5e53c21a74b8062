/** `ichor phantom`: one or many phantoms into a folder. */
import { join } from 'node:path';
import { BLEEDS, type Bleed } from './bleeds.ts';
import { CONFOUNDERS, type Confounder } from './confounders.ts';
import { type PhantomStudy, writePhantomStudy } from './writeStudy.ts';

export type PhantomCommand = {
  readonly out: string;
  readonly seed: number;
  /** More than one: successive seeds, each in a subfolder of its own. */
  readonly studies: number;
  readonly bleed: string;
  readonly confounders: string;
  readonly slices: number;
  readonly matrix: number;
  readonly transferSyntaxUid?: string | undefined;
  readonly uidSalt?: string | undefined;
};

/** @throws RangeError naming the option that is wrong; IchorError TRANSFER_SYNTAX_UNSUPPORTED */
export async function runPhantomCommand(
  command: PhantomCommand,
  onStudy: (study: PhantomStudy, number: number) => void,
): Promise<void> {
  const bleeds = chosen('--bleed', command.bleed, BLEEDS) as readonly Bleed[] | 'random';
  const confounders = chosen('--confounders', command.confounders, CONFOUNDERS) as readonly Confounder[] | 'random';
  for (let number = 0; number < command.studies; number++) {
    const seed = command.seed + number;
    const out = command.studies === 1 ? command.out : join(command.out, `seed-${String(seed).padStart(6, '0')}`);
    const { slices, matrix, transferSyntaxUid, uidSalt } = command;
    const study = await writePhantomStudy({
      out,
      seed,
      slices,
      matrix,
      bleeds,
      confounders,
      ...(transferSyntaxUid === undefined ? {} : { transferSyntaxUid }),
      ...(uidSalt === undefined ? {} : { uidSalt }),
    });
    onStudy(study, number + 1);
  }
}

function chosen(option: string, text: string, known: readonly string[]): readonly string[] | 'random' {
  if (text === 'random') return 'random';
  const names = text === 'none' ? [] : text.split(',').map((name) => name.trim());
  const wrong = names.filter((name) => !known.includes(name));
  if (wrong.length > 0)
    throw new RangeError(`${option} does not know ${wrong.join(', ')}; it takes none, random or ${known.join(', ')}`);
  return names;
}
