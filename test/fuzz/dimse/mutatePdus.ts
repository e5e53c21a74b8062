/** Changes of a conversation that know its structure: PDU types and lengths, PDV flags, context ids, commands, order. */
import type { Dice } from '../dice.ts';
import { mutateBytes } from '../mutate/bytes.ts';
import { mutateDataset } from '../mutate/dataset.ts';
import type { WirePdu, WirePdv } from './wire.ts';

const LENGTHS = [0, 1, 3, 4, 5, 6, 67, 68, 131_072, 131_073, 262_145, 0x7fffffff, 0xffffffff];

type Change = (pdus: readonly WirePdu[], dice: Dice) => readonly WirePdu[];

export function mutatePdus(pdus: readonly WirePdu[], dice: Dice): readonly WirePdu[] {
  let changed = pdus;
  for (let times = dice.few(4); times > 0 && changed.length > 0; times--) changed = dice.pick(CHANGES)(changed, dice);
  return changed;
}

/** Changes one PDU, the association request less often than it would be by chance in a short conversation. */
const onOne =
  (change: (pdu: WirePdu, dice: Dice) => WirePdu): Change =>
  (pdus, dice) => {
    const chosen = dice.chance(0.7)
      ? dice.whole(Math.min(1, pdus.length - 1), pdus.length - 1)
      : dice.whole(0, pdus.length - 1);
    return pdus.map((pdu, index) => (index === chosen ? change(pdu, dice) : pdu));
  };
/** Changes one PDV of a P-DATA-TF; leaves every other PDU. */
const onPdv = (change: (pdv: WirePdv, dice: Dice) => readonly WirePdv[]): Change =>
  onOne((pdu, dice) => {
    if (Buffer.isBuffer(pdu.content) || pdu.content.length === 0) return pdu;
    const pdvs = pdu.content as readonly WirePdv[];
    const chosen = dice.whole(0, pdvs.length - 1);
    return { ...pdu, content: pdvs.flatMap((pdv, index) => (index === chosen ? change(pdv, dice) : [pdv])) };
  });

const CHANGES: readonly Change[] = [
  onOne((pdu, dice) => ({ ...pdu, type: dice.chance(0.7) ? dice.whole(0, 8) : dice.whole(0, 255) })),
  onOne((pdu, dice) => ({ ...pdu, length: dice.pick(LENGTHS) })),
  onOne((pdu, dice) => (Buffer.isBuffer(pdu.content) ? { ...pdu, content: mutateBytes(pdu.content, dice) } : pdu)),
  ([request, ...rest], dice) =>
    Buffer.isBuffer(request!.content)
      ? [{ ...request!, content: mutateBytes(request!.content, dice) }, ...rest]
      : [request!, ...rest],
  (pdus, dice) => pdus.toSpliced(dice.whole(0, pdus.length - 1), 1),
  (pdus, dice) => pdus.toSpliced(dice.whole(0, pdus.length), 0, dice.pick(pdus)),
  (pdus, dice) =>
    pdus.toSpliced(dice.whole(0, pdus.length), 0, { type: dice.whole(1, 7), content: dice.bytes(dice.few(40)) }),
  (pdus, dice) => {
    const [one, other] = [dice.whole(0, pdus.length - 1), dice.whole(0, pdus.length - 1)];
    return pdus.with(one, pdus[other]!).with(other, pdus[one]!);
  },
  onPdv((pdv, dice) => [{ ...pdv, contextId: dice.pick([0, 1, 2, 3, 5, 7, 255]) }]),
  onPdv((pdv) => [{ ...pdv, isCommand: !pdv.isCommand }]),
  onPdv((pdv) => [{ ...pdv, isLast: !pdv.isLast }]),
  onPdv((pdv, dice) => [{ ...pdv, length: dice.pick(LENGTHS) }]),
  onPdv((pdv, dice) => [pdv, { ...pdv, isLast: dice.chance(0.5) }]),
  onPdv((pdv, dice) => pieces(pdv, dice.pick([1, 1, 2, 7, 100]))),
  onPdv((pdv, dice) => [
    ...Array<WirePdv>(dice.few(3_000)).fill({ ...pdv, isLast: false, value: Buffer.alloc(0) }),
    pdv,
  ]),
  onPdv((pdv, dice) => (pdv.isCommand ? [{ ...pdv, value: mutateDataset(pdv.value, 'implicit', dice) }] : [pdv])),
  onPdv((pdv, dice) => (pdv.isCommand ? [{ ...pdv, value: withUs(pdv.value, dice) }] : [pdv])),
  merged,
];

function pieces(pdv: WirePdv, bytes: number): WirePdv[] {
  const count = Math.max(1, Math.ceil(pdv.value.length / bytes));
  return Array.from({ length: count }, (_, index) => ({
    ...pdv,
    isLast: pdv.isLast && index === count - 1,
    value: pdv.value.subarray(index * bytes, (index + 1) * bytes),
  }));
}

/** Another Command Field, Message ID or Command Data Set Type. */
function withUs(command: Buffer, dice: Dice): Buffer {
  const changed = Buffer.from(command);
  const element = dice.pick([0x0100, 0x0110, 0x0800]);
  const at = changed.indexOf(Buffer.from([0, 0, element & 0xff, element >> 8, 2, 0, 0, 0]));
  const values = [0, 1, 0x20, 0x21, 0x30, 0x100, 0x101, 0x102, 0x120, 0x140, 0x8001, 0x8030, 0xfff, 0xffff];
  if (at >= 0) changed.writeUInt16LE(dice.pick(values), at + 8);
  return changed;
}

/** All P-DATA-TF that follow each other as one. */
function merged(pdus: readonly WirePdu[]): readonly WirePdu[] {
  const out: WirePdu[] = [];
  for (const pdu of pdus) {
    const last = out.at(-1);
    if (last !== undefined && !Buffer.isBuffer(pdu.content) && !Buffer.isBuffer(last.content))
      out[out.length - 1] = {
        ...last,
        content: [...(last.content as readonly WirePdv[]), ...(pdu.content as readonly WirePdv[])],
      };
    else out.push(pdu);
  }
  return out;
}
