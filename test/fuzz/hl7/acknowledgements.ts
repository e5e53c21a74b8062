/** What a receiver answers over MLLP: acknowledgements, and changes of them that know segments, fields and frames. */
import type { Dice } from '../dice.ts';
import { mutateBytes } from '../mutate/bytes.ts';
import { hostileValue } from '../mutate/hostileText.ts';

export type Reply = {
  readonly bytes: Buffer;
  /** Size of the pieces that it comes in. */
  readonly pieceBytes: number;
  readonly end: 'close' | 'reset' | 'stay';
};

const CODES = ['AA', 'CA', 'AE', 'CE', 'AR', 'CR'] as const;
export const SOUND_REPLIES = CODES.length;
/** More than any acknowledgement. */
const FLOOD_BYTES = 1_500_000;
const MOST_BYTES = 3_000_000;

const frame = (message: Buffer): Buffer => Buffer.concat([Buffer.of(0x0b), message, Buffer.of(0x1c, 0x0d)]);
const acknowledgement = (code: string, controlId: string): Buffer =>
  Buffer.from(`MSH|^~\\&|RIS||ICHOR||20240101||ACK^R01|X|P|2.5.1\rMSA|${code}|${controlId}|for DOE^JANE\r`);

export function soundReply(nth: number, controlId: string): Reply {
  return { bytes: frame(acknowledgement(CODES[nth]!, controlId)), pieceBytes: 1_000_000, end: 'stay' };
}

export function hostileReply(dice: Dice, controlId: string): Reply {
  let message = acknowledgement(
    dice.pick(CODES),
    dice.chance(0.8) ? controlId : dice.pick(['', 'OTHER', `${controlId}X`, ` ${controlId}`]),
  );
  for (let times = dice.few(3); times > 0; times--) message = dice.pick(MESSAGE_CHANGES)(message, dice);
  let bytes = frame(message);
  for (let times = dice.few(2); times > 0; times--) bytes = dice.pick(FRAME_CHANGES)(bytes, dice);
  return {
    bytes,
    pieceBytes: bytes.length > 5_000 ? 65_536 : dice.pick([1_000_000, 1_000_000, 1, 7, 40]),
    end: dice.pick(['stay', 'close', 'close', 'close', 'reset']),
  };
}

const repeated = (bytes: Buffer, times: number): Buffer =>
  Buffer.concat(Array(Math.min(times, Math.ceil(MOST_BYTES / (bytes.length + 1)))).fill(bytes));

type Change = (bytes: Buffer, dice: Dice) => Buffer;
const MESSAGE_CHANGES: readonly Change[] = [
  mutateBytes,
  (message) => message,
  (message, dice) =>
    Buffer.from(
      message.toString('latin1').replaceAll('|', dice.pick(['^', '\\', '.', '(', ' ', '\0', '\r', '||'])),
      'latin1',
    ),
  (message, dice) => {
    const fields = message.toString('latin1').split('|');
    fields[dice.whole(0, fields.length - 1)] = hostileValue(dice).toString('latin1');
    return Buffer.from(fields.join('|'), 'latin1');
  },
  (message, dice) => {
    const segments = message.toString('latin1').split('\r');
    segments.splice(
      dice.whole(0, segments.length - 1),
      dice.whole(0, 1),
      dice.pick(['MSA', 'MSA|', 'MSH', 'MSA|AA|OTHER', 'ERR|x', 'MSA|AA', '\n\n', 'BHS|^~\\&', 'FHS|']),
    );
    return Buffer.from(segments.join(dice.pick(['\r', '\n', '\r\n'])), 'latin1');
  },
  (message, dice) => repeated(message, dice.few(200)),
  (message, dice) => Buffer.concat([message, Buffer.alloc(dice.few(200_000), 'MSA|AE|')]),
];
const FRAME_CHANGES: readonly Change[] = [
  (bytes) => bytes,
  mutateBytes,
  (bytes) => bytes.subarray(1),
  (bytes) => bytes.subarray(0, -2),
  (bytes) => bytes.subarray(0, -1),
  (bytes, dice) => repeated(bytes, dice.few(500)),
  (bytes, dice) =>
    Buffer.concat([Buffer.alloc(dice.few(3_000), dice.pick(['\x0b', '\x1c', '\r', '\x1c\r', 'x'])), bytes]),
  (bytes, dice) => Buffer.concat([dice.bytes(dice.few(64)), bytes]),
  (bytes, dice) =>
    dice.chance(0.1) ? Buffer.concat([Buffer.alloc(FLOOD_BYTES, dice.pick(['\x0b', 'A', '\r']))]) : bytes,
  () => Buffer.from('HTTP/1.1 400 Bad Request\r\n\r\n'),
  () => Buffer.alloc(0),
];
