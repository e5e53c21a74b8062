/**
 * dcmjs-dimse's server side (its sole importer): codec of commands and of the PDUs that we send, and model of the association.
 *
 * What is not used of it, and why (docs/adr/0002): its socket handling loses PDVs, buffers without bound and never lets go of
 * silent peers; its reading of an A-ASSOCIATE-RQ drops the application context and fails on descending context ids; its
 * command buffer is never emptied; its datasets are rewritten. All of that is in framing.ts, associateRequest.ts,
 * messages.ts and association.ts.
 */
import type { Socket } from 'node:net';
import { IMPLEMENTATION_CLASS_UID, IMPLEMENTATION_VERSION_NAME, reasonOf } from '@ichor/shared';
import dimse from 'dcmjs-dimse';
import type { AssociateRequest } from './associateRequest.ts';
import { FramingError, MAX_PDU_LENGTH } from './framing.ts';
import type { DecidedContext, Rejection } from './negotiate.ts';

dimse.log.setLevel('silent');
dimse.Implementation.setImplementationClassUid(IMPLEMENTATION_CLASS_UID);
dimse.Implementation.setImplementationVersion(IMPLEMENTATION_VERSION_NAME);

/** A DIMSE request. `other`: an operation that is not offered. */
export type Command = {
  readonly kind: 'C-ECHO' | 'C-STORE' | 'N-EVENT-REPORT' | 'C-CANCEL' | 'other';
  readonly contextId: number;
  readonly hasDataset: boolean;
  readonly sopClassUid: string;
  readonly sopInstanceUid: string;
  /** The library's form of it, for {@link Wire.respond}. */
  readonly request: unknown;
};

/** Sends what an acceptor sends. */
export type Wire = {
  accept(request: AssociateRequest, contexts: readonly DecidedContext[]): void;
  reject(rejection: Rejection): void;
  confirmRelease(): void;
  /** A-ABORT; the source is the service provider (PS3.8 §9.3.8). */
  abort(): void;
  /** @param comment Error Comment (0000,0902); shortened and made printable */
  respond(command: Command, status: number, comment?: string): void;
};

/** The library's network object without its handling of the socket. */
class SendingScp extends dimse.Scp {
  /** Called by the library's constructor. */
  _wrapSocket(): void {}
}

/** Methods and fields of the library that its types do not show. */
type Internals = {
  association: unknown;
  _sendPDataTF(response: unknown, contextId: number, maxPduLength: number): void;
};

export function openWire(socket: Socket): Wire {
  const scp = new SendingScp(socket as never, {});
  const internals = scp as unknown as Internals;
  return {
    accept(request, contexts) {
      internals.association = associationOf(request, contexts);
      scp.sendAssociationAccept();
    },
    reject: ({ result, source, reason }) => scp.sendAssociationReject(result, source, reason),
    confirmRelease: () => scp.sendAssociationReleaseResponse(),
    abort: () => scp.sendAbort(2, 0),
    /** The library writes a PDU in pieces; they leave together. */
    respond(command, status, comment) {
      socket.cork();
      internals._sendPDataTF(responseTo(command, status, comment), command.contextId, MAX_PDU_LENGTH);
      socket.uncork();
    },
  };
}

function associationOf(request: AssociateRequest, contexts: readonly DecidedContext[]) {
  const association = new dimse.association.Association(request.callingAeTitle, request.calledAeTitle);
  association.setMaxPduLength(MAX_PDU_LENGTH);
  for (const { id, abstractSyntaxUid, transferSyntaxUid, result, role } of contexts) {
    const context = new dimse.association.PresentationContext(id, abstractSyntaxUid);
    context.setResult(result, transferSyntaxUid ?? undefined);
    if (role !== null) {
      context.setUserRole(role.scu);
      context.setProviderRole(role.scp);
    }
    association.getPresentationContexts().push({ id, context });
  }
  return association;
}

/** Command Field (0000,0100), PS3.7 table E.1-1. */
const KINDS: Readonly<Record<number, Command['kind']>> = {
  1: 'C-STORE',
  48: 'C-ECHO',
  256: 'N-EVENT-REPORT',
  4095: 'C-CANCEL',
};
const { CEchoRequest, CStoreRequest, NEventReportRequest } = dimse.requests;
const { CEchoResponse, CStoreResponse, NEventReportResponse } = dimse.responses;
const NO_DATASET = 0x0101;

/** @param bytes a complete command set (PS3.7 Annex E). @throws FramingError when it is none */
export function decodeCommand(contextId: number, bytes: Buffer): Command {
  try {
    const commandDataset = new dimse.Dataset(bytes);
    const element = (keyword: string): unknown => commandDataset.getElement(keyword);
    const kind = KINDS[Number(element('CommandField'))] ?? 'other';
    return {
      kind,
      contextId,
      hasDataset: element('CommandDataSetType') !== NO_DATASET,
      sopClassUid: String(element('AffectedSOPClassUID') ?? ''),
      sopInstanceUid: String(element('AffectedSOPInstanceUID') ?? ''),
      request: requestOf(kind, shortened(commandDataset)),
    };
  } catch (thrown) {
    throw new FramingError(`a command cannot be read (${reasonOf(thrown)})`);
  }
}

/** What a response repeats must be short enough to be written, or the library warns on the console in the peer's words. */
function shortened(commandDataset: dimse.Dataset): dimse.Dataset {
  for (const keyword of ['AffectedSOPClassUID', 'AffectedSOPInstanceUID']) {
    const value = String(commandDataset.getElement(keyword) ?? '');
    if (value.length > MAX_UID_LENGTH) commandDataset.setElement(keyword, value.slice(0, MAX_UID_LENGTH));
  }
  return commandDataset;
}

const MAX_UID_LENGTH = 64;

/** Its constructors want values, not the command set as received: that is put in afterwards, as the library itself does. */
function requestOf(kind: Command['kind'], commandDataset: unknown): unknown {
  if (kind === 'C-ECHO') return Object.assign(new CEchoRequest(), { commandDataset });
  if (kind === 'C-STORE') return Object.assign(new (CStoreRequest as new () => object)(), { commandDataset });
  if (kind === 'N-EVENT-REPORT')
    return Object.assign(new (NEventReportRequest as new () => object)(), { commandDataset });
  return null;
}

function responseTo({ kind, request }: Command, status: number, comment?: string) {
  const response =
    kind === 'C-STORE'
      ? CStoreResponse.fromRequest(request as never)
      : kind === 'N-EVENT-REPORT'
        ? NEventReportResponse.fromRequest(request as never)
        : CEchoResponse.fromRequest(request as never);
  response.setStatus(status);
  if (comment !== undefined) response.setErrorComment(errorComment(comment));
  return response;
}

/** LO: at most 64 characters of the default repertoire, no backslash (PS3.5 §6.2). */
const errorComment = (text: string): string => text.replaceAll(/[^\x20-\x5b\x5d-\x7e]+/g, '_').slice(0, 64);
