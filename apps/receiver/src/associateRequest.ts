/** The A-ASSOCIATE-RQ PDU (PS3.8 §9.3.2 and Annex D), read as it came: no order of context ids is assumed. Pure. */
import { FramingError } from './framing.ts';

export type ProposedContext = {
  readonly id: number;
  readonly abstractSyntaxUid: string;
  readonly transferSyntaxUids: readonly string[];
};

/** SCP/SCU Role Selection (PS3.7 §D.3.3.4): what the requestor wants to be. */
export type ProposedRole = { readonly sopClassUid: string; readonly scu: boolean; readonly scp: boolean };

export type AssociateRequest = {
  readonly protocolVersion: number;
  readonly calledAeTitle: string;
  readonly callingAeTitle: string;
  readonly applicationContext: string;
  readonly contexts: readonly ProposedContext[];
  readonly roles: readonly ProposedRole[];
};

const ITEM = {
  applicationContext: 0x10,
  presentationContext: 0x20,
  abstractSyntax: 0x30,
  transferSyntax: 0x40,
  userInformation: 0x50,
  roleSelection: 0x54,
} as const;
const FIXED_LENGTH = 68;

/** @param body the PDU without its header. @throws FramingError when an item does not fit */
export function parseAssociateRequest(body: Buffer): AssociateRequest {
  if (body.length < FIXED_LENGTH) throw new FramingError('A-ASSOCIATE-RQ is too short');
  const items = itemsOf(body.subarray(FIXED_LENGTH));
  const userItems = items.filter(({ type }) => type === ITEM.userInformation).flatMap(({ value }) => itemsOf(value));
  return {
    protocolVersion: body.readUInt16BE(0),
    calledAeTitle: text(body.subarray(4, 20)),
    callingAeTitle: text(body.subarray(20, 36)),
    applicationContext: text(items.find(({ type }) => type === ITEM.applicationContext)?.value ?? Buffer.alloc(0)),
    contexts: items.filter(({ type }) => type === ITEM.presentationContext).map(({ value }) => contextOf(value)),
    roles: userItems.filter(({ type }) => type === ITEM.roleSelection).map(({ value }) => roleOf(value)),
  };
}

type Item = { readonly type: number; readonly value: Buffer };

function itemsOf(bytes: Buffer): Item[] {
  const items: Item[] = [];
  for (let at = 0; at < bytes.length; ) {
    const length = at + 4 <= bytes.length ? bytes.readUInt16BE(at + 2) : Number.POSITIVE_INFINITY;
    if (at + 4 + length > bytes.length) throw new FramingError('an item of the A-ASSOCIATE-RQ ends beyond it');
    items.push({ type: bytes[at]!, value: bytes.subarray(at + 4, at + 4 + length) });
    at += 4 + length;
  }
  return items;
}

function contextOf(value: Buffer): ProposedContext {
  if (value.length < 4) throw new FramingError('a presentation context is too short');
  const items = itemsOf(value.subarray(4));
  return {
    id: value[0]!,
    abstractSyntaxUid: text(items.find(({ type }) => type === ITEM.abstractSyntax)?.value ?? Buffer.alloc(0)),
    transferSyntaxUids: items.filter(({ type }) => type === ITEM.transferSyntax).map((item) => text(item.value)),
  };
}

function roleOf(value: Buffer): ProposedRole {
  const length = value.length >= 2 ? value.readUInt16BE(0) : Number.POSITIVE_INFINITY;
  if (value.length < length + 4) throw new FramingError('a role selection is too short');
  return {
    sopClassUid: text(value.subarray(2, 2 + length)),
    scu: value[2 + length] === 1,
    scp: value[3 + length] === 1,
  };
}

/** Padding is spaces in AE titles and, from some devices, a null in UIDs. */
const text = (bytes: Buffer): string => bytes.toString('latin1').replaceAll(/^[ \0]+|[ \0]+$/g, '');
