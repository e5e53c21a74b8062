/** Pure negotiation (PS3.8 §9.3): what was proposed → what is accepted. */

import { APPLICATION_CONTEXT, isStorage, SOP_CLASS } from '@ichor/dicom/sopClasses';
import { TRANSFER_SYNTAX, TRANSFER_SYNTAXES } from '@ichor/dicom/transferSyntaxes';
import type { Caller } from '@ichor/settings/aeTitles';
import type { AssociateRequest, ProposedContext, ProposedRole } from './associateRequest.ts';
import { MIN_PDU_LENGTH } from './framing.ts';

/** Results of a presentation context (PS3.8 table 9-18). */
export const CONTEXT_RESULT = { accepted: 0, abstractSyntaxNotSupported: 3, transferSyntaxesNotSupported: 4 } as const;

/** SCP/SCU roles that the requestor gets (PS3.7 §D.3.3.4). */
export type Role = { readonly scu: boolean; readonly scp: boolean };

export type DecidedContext = {
  readonly id: number;
  readonly abstractSyntaxUid: string;
  readonly result: (typeof CONTEXT_RESULT)[keyof typeof CONTEXT_RESULT];
  /** The accepted one; null unless accepted. */
  readonly transferSyntaxUid: string | null;
  /** The answer to a role selection; null when none was proposed. */
  readonly role: Role | null;
};

const UNCOMPRESSED = [TRANSFER_SYNTAX.explicitLittleEndian, TRANSFER_SYNTAX.implicitLittleEndian];
const STORABLE = TRANSFER_SYNTAXES.map(({ uid }) => uid);

/** One decision per proposed context, in the order of the proposal. */
export function decideContexts({ contexts, roles }: AssociateRequest): DecidedContext[] {
  const answered = new Set<string>();
  return contexts.map((context) => {
    const role = roles.find(({ sopClassUid }) => sopClassUid === context.abstractSyntaxUid);
    const isFirst = !answered.has(context.abstractSyntaxUid);
    answered.add(context.abstractSyntaxUid);
    return { ...decideContext(context), role: role === undefined || !isFirst ? null : decideRole(role) };
  });
}

/** The first transfer syntax, in the proposer's order, that we can decode: a proposer lists its best first. */
function decideContext({ id, abstractSyntaxUid, transferSyntaxUids }: ProposedContext): Omit<DecidedContext, 'role'> {
  const acceptable = acceptableFor(abstractSyntaxUid);
  const transferSyntaxUid = transferSyntaxUids.find((uid) => acceptable?.includes(uid)) ?? null;
  const result =
    acceptable === null
      ? CONTEXT_RESULT.abstractSyntaxNotSupported
      : transferSyntaxUid === null
        ? CONTEXT_RESULT.transferSyntaxesNotSupported
        : CONTEXT_RESULT.accepted;
  return { id, abstractSyntaxUid, result, transferSyntaxUid };
}

function acceptableFor(abstractSyntaxUid: string): readonly string[] | null {
  if (isStorage(abstractSyntaxUid)) return STORABLE;
  return abstractSyntaxUid === SOP_CLASS.verification || abstractSyntaxUid === SOP_CLASS.storageCommitmentPush
    ? UNCOMPRESSED
    : null;
}

/** A PACS that reports storage commitment to us is its SCP though it calls us; elsewhere the caller is the SCU. */
function decideRole({ sopClassUid, scu, scp }: ProposedRole): Role {
  return sopClassUid === SOP_CLASS.storageCommitmentPush ? { scu: false, scp } : { scu, scp: false };
}

/** An A-ASSOCIATE-RJ (PS3.8 table 9-21): result 1 permanent, 2 transient. */
export type Rejection = {
  readonly result: 1 | 2;
  readonly source: 1 | 2 | 3;
  readonly reason: number;
  readonly text: string;
};

export const REJECTIONS = {
  applicationContext: { result: 1, source: 1, reason: 2, text: 'application context name not supported' },
  callingAeTitle: { result: 1, source: 1, reason: 3, text: 'calling AE title not recognised' },
  calledAeTitle: { result: 1, source: 1, reason: 7, text: 'called AE title not recognised' },
  protocolVersion: { result: 1, source: 2, reason: 2, text: 'protocol version not supported' },
  localLimit: { result: 2, source: 3, reason: 2, text: 'local limit exceeded' },
  addressLimit: { result: 2, source: 3, reason: 2, text: 'local limit of associations from one address exceeded' },
  congestion: { result: 2, source: 3, reason: 1, text: 'temporary congestion: too little memory' },
  unreadable: { result: 1, source: 2, reason: 1, text: 'the A-ASSOCIATE-RQ cannot be read' },
  maxPduLength: { result: 1, source: 1, reason: 1, text: 'its maximum PDU length holds no response' },
} as const satisfies Record<string, Rejection>;

export type Proposal = Pick<
  AssociateRequest,
  'calledAeTitle' | 'callingAeTitle' | 'applicationContext' | 'protocolVersion' | 'maxPduLength'
> & { readonly remoteAddress: string; readonly openAssociations: number; readonly openFromAddress: number };

export type AssociationRules = {
  readonly aeTitle: string;
  readonly callers: readonly Caller[];
  readonly maxAssociations: number;
  readonly maxAssociationsPerAddress: number;
};

/** Null when the association may go on. `openAssociations`, `openFromAddress`: those that are open already. */
export function rejectionOf(proposal: Proposal, rules: AssociationRules): Rejection | null {
  if ((proposal.protocolVersion & 1) === 0) return REJECTIONS.protocolVersion;
  if (proposal.applicationContext !== APPLICATION_CONTEXT) return REJECTIONS.applicationContext;
  if (proposal.calledAeTitle !== rules.aeTitle.trim()) return REJECTIONS.calledAeTitle;
  if (!isAllowed(proposal, rules.callers)) return REJECTIONS.callingAeTitle;
  if (proposal.maxPduLength < MIN_PDU_LENGTH) return REJECTIONS.maxPduLength;
  if (proposal.openAssociations >= rules.maxAssociations) return REJECTIONS.localLimit;
  return proposal.openFromAddress >= rules.maxAssociationsPerAddress ? REJECTIONS.addressLimit : null;
}

function isAllowed({ callingAeTitle, remoteAddress }: Proposal, callers: readonly Caller[]): boolean {
  if (callers.length === 0) return true;
  const address = remoteAddress.replace(/^::ffff:/, '');
  return callers.some(
    (caller) => caller.aeTitle.trim() === callingAeTitle && (caller.address === null || caller.address === address),
  );
}
