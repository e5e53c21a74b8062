/** The head of a Part 10 file (PS3.10 §7.1): preamble, prefix, file meta information. */
import { deriveUid } from './uid.ts';

export const IMPLEMENTATION_CLASS_UID = deriveUid('ichor', 'implementation');
export const IMPLEMENTATION_VERSION_NAME = 'ICHOR_0_3';

export type FileMeta = {
  readonly sopClassUid: string;
  readonly sopInstanceUid: string;
  readonly transferSyntaxUid: string;
  /** Source Application Entity Title; left out when empty. */
  readonly callingAeTitle: string;
};

/** 128 zero bytes, DICM, and group 0002 in Explicit VR Little Endian; the dataset follows as it was received. */
export function part10Header(meta: FileMeta): Buffer {
  const elements = Buffer.concat([
    otherByte(0x0001, Buffer.from([0, 1])),
    text(0x0002, 'UI', meta.sopClassUid),
    text(0x0003, 'UI', meta.sopInstanceUid),
    text(0x0010, 'UI', meta.transferSyntaxUid),
    text(0x0012, 'UI', IMPLEMENTATION_CLASS_UID),
    text(0x0013, 'SH', IMPLEMENTATION_VERSION_NAME),
    ...(meta.callingAeTitle === '' ? [] : [text(0x0016, 'AE', meta.callingAeTitle)]),
  ]);
  const groupLength = Buffer.alloc(4);
  groupLength.writeUInt32LE(elements.length);
  return Buffer.concat([Buffer.alloc(128), Buffer.from('DICM'), short(0x0000, 'UL', groupLength), elements]);
}

function text(element: number, vr: string, value: string): Buffer {
  const padding = vr === 'UI' ? '\0' : ' ';
  return short(element, vr, Buffer.from(value.length % 2 === 0 ? value : value + padding, 'latin1'));
}

function short(element: number, vr: string, value: Buffer): Buffer {
  const head = Buffer.alloc(8);
  head.writeUInt16LE(0x0002, 0);
  head.writeUInt16LE(element, 2);
  head.write(vr, 4, 'latin1');
  head.writeUInt16LE(value.length, 6);
  return Buffer.concat([head, value]);
}

function otherByte(element: number, value: Buffer): Buffer {
  const head = Buffer.alloc(12);
  head.writeUInt16LE(0x0002, 0);
  head.writeUInt16LE(element, 2);
  head.write('OB', 4, 'latin1');
  head.writeUInt32LE(value.length, 8);
  return Buffer.concat([head, value]);
}
