/** Fragments of what a peer answers, joined to whole commands and datasets before the library sees them (PS3.8 §9.3.5, annex E). Pure. */

/** Presentation data value as dcmjs-dimse has it. */
export type Pdv = {
  getPresentationContextId(): number;
  getValue(): Buffer;
  isCommand(): boolean;
  isLastFragment(): boolean;
};

/** Responses, and reports of storage commitment: far more than the longest of them takes. */
const MOST_BYTES = 16_777_216;

/**
 * The library joins whatever comes one after the other, commands and datasets, of any context, and takes minutes for thousands of
 * small pieces: an answer in a wrong fragment was read into another one.
 * @param awaitsDataset whether the command before announced a dataset
 * @returns gives the whole command or dataset with its last fragment, null before; @throws Error for a fragment out of place
 */
export function joinFragments(awaitsDataset: () => boolean): (pdv: Pdv) => Pdv | null {
  let pieces: Buffer[] = [];
  let [bytes, contextId, isCommand] = [0, 0, true];
  return (pdv) => {
    if (pieces.length === 0) [contextId, isCommand] = [pdv.getPresentationContextId(), pdv.isCommand()];
    if (pdv.isCommand() !== isCommand || pdv.getPresentationContextId() !== contextId)
      throw new Error('a fragment stands between those of another message');
    if (isCommand === awaitsDataset())
      throw new Error(
        isCommand ? 'a command stands where a dataset was announced' : 'a dataset comes without a command',
      );
    pieces.push(pdv.getValue());
    bytes += pdv.getValue().length;
    if (bytes > MOST_BYTES) throw new Error(`more than ${MOST_BYTES} bytes in one message`);
    if (!pdv.isLastFragment()) return null;
    const whole = wholeOf(contextId, isCommand, Buffer.concat(pieces));
    [pieces, bytes] = [[], 0];
    return whole;
  };
}

const wholeOf = (contextId: number, isCommand: boolean, value: Buffer): Pdv => ({
  getPresentationContextId: () => contextId,
  getValue: () => value,
  isCommand: () => isCommand,
  isLastFragment: () => true,
});
