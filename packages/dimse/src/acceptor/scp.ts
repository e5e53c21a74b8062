/**
 * dcmjs-dimse's server side (its sole importer): codec of commands and of the PDUs that we send, and model of the association.
 *
 * What is not used of it, and why (docs/adr/0002): its socket handling loses PDVs, buffers without bound and never lets go of
 * silent peers; its reading of an A-ASSOCIATE-RQ drops the application context and fails on descending context ids; its
 * reading of commands prints to the console what is odd in them; its command buffer is never emptied; its datasets are
 * rewritten. All of that is in framing.ts, associateRequest.ts, messages.ts, operations.ts and ending.ts.
 */

import type { Socket } from 'node:net';
import { parseDataset } from '@ichor/dicom/dataset';
import type { Keyword } from '@ichor/dicom/keywords';
import { TRANSFER_SYNTAX } from '@ichor/dicom/transferSyntaxes';
import { reasonOf } from '@ichor/shared/errors';
import dimse from 'dcmjs-dimse';
import { prepareLibrary } from '../prepareLibrary.ts';
import type { AssociateRequest } from './associateRequest.ts';
import { commandPdus, FramingError, MAX_PDU_LENGTH } from './framing.ts';
import type { DecidedContext, Rejection } from './negotiate.ts';

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
  /** In PDUs that the requestor takes. @param comment Error Comment (0000,0902); shortened and made printable */
  respond(command: Command, status: number, comment?: string): void;
};

/** The library's network object without its handling of the socket. */
class SendingScp extends dimse.Scp {
  /** Called by the library's constructor. */
  _wrapSocket(): void {}
}

/** Methods and fields of the library that its types do not show. */
type Internals = { association: unknown };
type Encodable = { getCommandDataset(): { getDenaturalizedCommandDataset(): Buffer } };

export function openWire(socket: Socket): Wire {
  prepareLibrary();
  const scp = new SendingScp(socket as never, {});
  const internals = scp as unknown as Internals;
  let maxPduLength = MAX_PDU_LENGTH;
  return {
    accept(request, contexts) {
      maxPduLength = Math.min(request.maxPduLength, MAX_PDU_LENGTH);
      internals.association = associationOf(request, contexts);
      scp.sendAssociationAccept();
    },
    reject: ({ result, source, reason }) => scp.sendAssociationReject(result, source, reason),
    confirmRelease: () => scp.sendAssociationReleaseResponse(),
    abort: () => scp.sendAbort(2, 0),
    respond(command, status, comment) {
      const response = responseTo(command, status, comment) as unknown as Encodable;
      const bytes = response.getCommandDataset().getDenaturalizedCommandDataset();
      socket.write(commandPdus(command.contextId, bytes, maxPduLength));
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
  const elements = readCommand(bytes);
  const kind = KINDS[elements['CommandField'] as number] ?? 'other';
  return {
    kind,
    contextId,
    hasDataset: elements['CommandDataSetType'] !== NO_DATASET,
    sopClassUid: printable(String(elements['AffectedSOPClassUID'] ?? '')),
    sopInstanceUid: printable(String(elements['AffectedSOPInstanceUID'] ?? '')),
    request: requestOf(kind, new dimse.Dataset(shortened(elements))),
  };
}

/** What is needed of a request and repeated in its response (PS3.7 §9.3 and §10.3). */
const NUMBERS = [
  'CommandField',
  'MessageID',
  'CommandDataSetType',
  'EventTypeID',
] as const satisfies readonly Keyword[];
const UIDS = ['AffectedSOPClassUID', 'AffectedSOPInstanceUID'] as const satisfies readonly Keyword[];
type Elements = Readonly<Record<string, number | string>>;

/** Not read by the library: it prints what it finds odd to the console, and with it whatever a peer sent in place of a command. */
function readCommand(bytes: Buffer): Elements {
  try {
    const command = parseDataset(bytes, TRANSFER_SYNTAX.implicitLittleEndian);
    const numbers = NUMBERS.map((keyword) => [keyword, command.number(keyword)] as const);
    const uids = UIDS.map((keyword) => [keyword, command.text(keyword)] as const);
    return Object.fromEntries([...numbers, ...uids].filter(([, value]) => value !== null)) as Elements;
  } catch (thrown) {
    throw new FramingError(`a command cannot be read (${reasonOf(thrown)})`);
  }
}

/** They go into logs and onto terminals; what is no UID is refused in any case. */
const printable = (uid: string): string => uid.replaceAll(/[^\x20-\x7e]/g, '?');

const MAX_UID_LENGTH = 64;

/** What a response repeats must be short enough to be written, or the library warns on the console in the peer's words. */
const shortened = (elements: Elements): Elements =>
  Object.fromEntries(
    Object.entries(elements).map(([keyword, value]) => [
      keyword,
      typeof value === 'string' ? value.slice(0, MAX_UID_LENGTH) : value,
    ]),
  );

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
