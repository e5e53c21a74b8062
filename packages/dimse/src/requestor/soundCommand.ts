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
 * dcmjs reads a number of no bytes from the two that follow, mostly 0: an empty status would be Success.
 * @param bytes a whole command set (PS3.7 §6.3.1: Implicit VR Little Endian)
 * @throws Error naming the element that has no value; IchorError DATASET_UNREADABLE
 */
export function checkCommandSet(bytes: Buffer): void {
  const command = parseDataset(bytes, TRANSFER_SYNTAX.implicitLittleEndian);
  const empty = NUMBERS.find((keyword) => command.has(keyword) && command.number(keyword) === null);
  if (empty !== undefined) throw new Error(`${empty} has no value`);
}
