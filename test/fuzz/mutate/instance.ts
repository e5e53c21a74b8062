/** A changed instance: within its compression where it is deflated, in the file's head now and then. */
import { deflateRawSync, inflateRawSync } from 'node:zlib';
import type { CorpusInstance } from '../corpus/instances.ts';
import type { Dice } from '../dice.ts';
import { mutateBytes } from './bytes.ts';
import { mutateDataset } from './dataset.ts';
import { encodingOf } from './elements.ts';

const DEFLATED = '1.2.840.10008.1.2.1.99';
/** Much more than it takes on the wire. */
const BOMB_BYTES = 100_000_000;

export function mutateInstance(instance: CorpusInstance, dice: Dice): CorpusInstance {
  return { ...instance, dataset: changed(instance, dice) };
}

function changed({ dataset, transferSyntaxUid }: CorpusInstance, dice: Dice): Buffer {
  if (transferSyntaxUid !== DEFLATED) return mutateDataset(dataset, encodingOf(transferSyntaxUid), dice);
  if (dice.chance(0.2)) return mutateBytes(dataset, dice);
  const plain = inflateRawSync(dataset);
  if (dice.chance(0.03))
    return deflateRawSync(Buffer.concat([plain, Buffer.alloc(dice.few(BOMB_BYTES))]), { level: 1 });
  return deflateRawSync(mutateDataset(plain, 'explicit', dice), { level: 1 });
}
