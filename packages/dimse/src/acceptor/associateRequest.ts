/** The A-ASSOCIATE-RQ PDU (PS3.8 §9.3.2 and Annex D), read as it came: no order of context ids is assumed. Pure. */
import { AssociateRequestError, aeTitleOf, callingAeTitleIn } from './framing.ts';

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
  /** Largest P-DATA-TF that the requestor takes (PS3.8 §D.1). */
  readonly maxPduLength: number;
};

const ITEM = {
  applicationContext: 0x10,
  presentationContext: 0x20,
  abstractSyntax: 0x30,
  transferSyntax: 0x40,
  userInformation: 0x50,
  maximumLength: 0x51,
  roleSelection: 0x54,
} as const;
const FIXED_LENGTH = 68;

/** Context ids are the odd numbers below 256 (PS3.8 §9.3.2.2). */
const MOST_CONTEXTS = 128;
/** What everyone can take, for a requestor that does not say. */
const USUAL_PDU_LENGTH = 16_384;

/** @param body the PDU without its header. @throws AssociateRequestError when an item does not fit */
export function parseAssociateRequest(body: Buffer): AssociateRequest {
  try {
    return parsed(body);
  } catch (thrown) {
    if (!(thrown instanceof RequestFault)) throw thrown;
    throw new AssociateRequestError(thrown.message, callingAeTitleIn(body));
  }
}

class RequestFault extends Error {}

function parsed(body: Buffer): AssociateRequest {
  if (body.length < FIXED_LENGTH) throw new RequestFault('the A-ASSOCIATE-RQ is too short');
  const items = itemsOf(body.subarray(FIXED_LENGTH));
  const userItems = items.filter(({ type }) => type === ITEM.userInformation).flatMap(({ value }) => itemsOf(value));
  return {
    protocolVersion: body.readUInt16BE(0),
    calledAeTitle: aeTitleOf(body.subarray(4, 20)),
    callingAeTitle: aeTitleOf(body.subarray(20, 36)),
    applicationContext: text(items.find(({ type }) => type === ITEM.applicationContext)?.value ?? Buffer.alloc(0)),
    contexts: contextsOf(items.filter(({ type }) => type === ITEM.presentationContext)),
    roles: userItems.filter(({ type }) => type === ITEM.roleSelection).map(({ value }) => roleOf(value)),
    maxPduLength: maxPduLengthOf(userItems.find(({ type }) => type === ITEM.maximumLength)?.value),
  };
}

type Item = { readonly type: number; readonly value: Buffer };

function itemsOf(bytes: Buffer): Item[] {
  const items: Item[] = [];
  for (let at = 0; at < bytes.length; ) {
    const length = at + 4 <= bytes.length ? bytes.readUInt16BE(at + 2) : Number.POSITIVE_INFINITY;
    if (at + 4 + length > bytes.length) throw new RequestFault('an item of the A-ASSOCIATE-RQ ends beyond it');
    items.push({ type: bytes[at]!, value: bytes.subarray(at + 4, at + 4 + length) });
    at += 4 + length;
  }
  return items;
}

/** Two contexts with one id would leave open in which transfer syntax a dataset is. */
function contextsOf(items: readonly Item[]): ProposedContext[] {
  if (items.length > MOST_CONTEXTS) throw new RequestFault(`${items.length} presentation contexts are proposed`);
  const contexts = items.map(({ value }) => contextOf(value));
  const twice = contexts.find(({ id }, index) => contexts.findIndex((one) => one.id === id) < index);
  if (twice !== undefined) throw new RequestFault(`presentation context ${twice.id} is proposed twice`);
  return contexts;
}

/** 0: any length. */
function maxPduLengthOf(value: Buffer | undefined): number {
  if (value === undefined || value.length !== 4) return USUAL_PDU_LENGTH;
  return value.readUInt32BE(0) || Number.POSITIVE_INFINITY;
}

function contextOf(value: Buffer): ProposedContext {
  if (value.length < 4) throw new RequestFault('a presentation context is too short');
  const items = itemsOf(value.subarray(4));
  return {
    id: value[0]!,
    abstractSyntaxUid: text(items.find(({ type }) => type === ITEM.abstractSyntax)?.value ?? Buffer.alloc(0)),
    transferSyntaxUids: items.filter(({ type }) => type === ITEM.transferSyntax).map((item) => text(item.value)),
  };
}

function roleOf(value: Buffer): ProposedRole {
  const length = value.length >= 2 ? value.readUInt16BE(0) : Number.POSITIVE_INFINITY;
  if (value.length < length + 4) throw new RequestFault('a role selection is too short');
  return {
    sopClassUid: text(value.subarray(2, 2 + length)),
    scu: value[2 + length] === 1,
    scp: value[3 + length] === 1,
  };
}

/** Some devices pad UIDs with a null. */
const text = (bytes: Buffer): string => bytes.toString('latin1').replaceAll(/^[ \0]+|[ \0]+$/g, '');
