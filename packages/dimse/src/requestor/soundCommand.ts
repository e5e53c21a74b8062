/** Whether a command can be believed, before the library reads it. Pure. */
import { parseDataset } from '@ichor/dicom/dataset';
import type { Keyword } from '@ichor/dicom/keywords';
import { TRANSFER_SYNTAX } from '@ichor/dicom/transferSyntaxes';

const NUMBERS = [
  'CommandField',
  'MessageIDBeingRespondedTo',
  'CommandDataSetType',
  'Status',
] as const satisfies readonly Keyword[];

/**
 * dcmjs reads a number of no bytes from the two that follow, mostly 0, and of an element that stands there twice it takes the last: an
 * empty status, or one of two, would be Success.
 * @param bytes a whole command set (PS3.7 §6.3.1: Implicit VR Little Endian)
 * @throws Error naming the element that has no value or more than one; IchorError DATASET_UNREADABLE
 */
export function checkCommandSet(bytes: Buffer): void {
  const command = parseDataset(bytes, TRANSFER_SYNTAX.implicitLittleEndian);
  const empty = NUMBERS.find((keyword) => command.has(keyword) && command.number(keyword) === null);
  if (empty !== undefined) throw new Error(`${empty} has no value`);
  const tags = elementNumbers(bytes);
  const twice = tags.find((tag, index) => tags.indexOf(tag) < index);
  if (twice !== undefined) throw new Error(`element (0000,${twice.toString(16).padStart(4, '0')}) stands there twice`);
}

/** Of group 0000, in their order; that they end within the bytes is known. */
function elementNumbers(bytes: Buffer): number[] {
  const numbers: number[] = [];
  for (let at = 0; at + 8 <= bytes.length; at += 8 + bytes.readUInt32LE(at + 4))
    numbers.push(bytes.readUInt16LE(at + 2));
  return numbers;
}
