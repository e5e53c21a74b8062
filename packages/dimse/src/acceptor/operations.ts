/** What is done with a DIMSE message: C-ECHO, C-STORE, N-EVENT-REPORT, each with its response (PS3.7 §9.1, §10.1). */

import { parseDataset } from '@ichor/dicom/dataset';
import { isStorage, SOP_CLASS } from '@ichor/dicom/sopClasses';
import { asIchorError, IchorError } from '@ichor/shared/errors';
import { STATUS, statusOf } from '../statuses.ts';
import type { AssociationEvents, AssociationInfo } from './associationEvents.ts';
import { commitmentReportOf } from './commitmentReport.ts';
import { errorComment } from './errorComment.ts';
import type { IncomingDataset, Message } from './messages.ts';
import type { DecidedContext } from './negotiate.ts';
import type { Command, Wire } from './scp.ts';
import type { StoreRequest } from './storeRequest.ts';

export type OperationParts = {
  readonly events: AssociationEvents;
  readonly association: AssociationInfo;
  readonly contexts: ReadonlyMap<number, DecidedContext>;
  readonly respond: Wire['respond'];
};

/** @returns null when there is nothing to wait for */
export function perform({ command, dataset }: Message, parts: OperationParts): Promise<void> | null {
  switch (command.kind) {
    case 'C-ECHO':
      parts.respond(command, STATUS.success);
      return null;
    case 'C-STORE':
      return store(command, dataset, parts);
    case 'N-EVENT-REPORT':
      return report(command, dataset, parts);
    default:
      return null;
  }
}

async function store(command: Command, dataset: IncomingDataset | null, parts: OperationParts): Promise<void> {
  const request = storeRequestOf(command, dataset, parts);
  try {
    if (dataset === null) throw new IchorError('DATASET_UNREADABLE', { reason: 'there is none' });
    if (dataset.error !== null) throw dataset.error;
    await parts.events.store(request, parts.association);
    parts.respond(command, STATUS.success);
  } catch (thrown) {
    const error = asIchorError(thrown);
    parts.events.refused(request, error, parts.association);
    parts.respond(command, statusOf(error), errorComment(error));
  }
}

/** An instance that will never be complete is refused: without it its study has a hole. */
export function refuseBrokenOff(
  { command, dataset }: { readonly command: Command; readonly dataset: IncomingDataset },
  reason: string,
  parts: OperationParts,
): void {
  if (command.kind !== 'C-STORE') return;
  const error = new IchorError('INSTANCE_BROKEN_OFF', { reason });
  parts.events.refused(storeRequestOf(command, dataset, parts), error, parts.association);
}

/** Something had begun, and it is not known yet what it is: in a presentation context for storage it may be an instance. */
export function refuseBegun(
  contextId: number,
  reason: string,
  { events, association, contexts }: OperationParts,
): void {
  const context = contexts.get(contextId);
  if (context === undefined || !isStorage(context.abstractSyntaxUid)) return;
  const { abstractSyntaxUid, transferSyntaxUid } = context;
  const unnamed = { sopClassUid: '', sopInstanceUid: '', callingAeTitle: association.callingAeTitle, chunks: [] };
  const request = { ...unnamed, abstractSyntaxUid, transferSyntaxUid: transferSyntaxUid! };
  events.refused(request, new IchorError('INSTANCE_BROKEN_OFF', { reason }), association);
}

function storeRequestOf(
  command: Command,
  dataset: IncomingDataset | null,
  { association, contexts }: OperationParts,
): StoreRequest {
  const context = contexts.get(command.contextId)!;
  return {
    sopClassUid: command.sopClassUid,
    sopInstanceUid: command.sopInstanceUid,
    abstractSyntaxUid: context.abstractSyntaxUid,
    transferSyntaxUid: context.transferSyntaxUid!,
    callingAeTitle: association.callingAeTitle,
    chunks: dataset?.pieces.list ?? [],
    ...(dataset !== null && { takeMemory: dataset.ticket.take }),
  };
}

/** Any fault is a processing failure (PS3.7 Annex C), so that the PACS reports again. */
async function report(
  command: Command,
  dataset: IncomingDataset | null,
  { events, contexts, respond }: OperationParts,
): Promise<void> {
  const { abstractSyntaxUid, transferSyntaxUid } = contexts.get(command.contextId)!;
  try {
    if (abstractSyntaxUid !== SOP_CLASS.storageCommitmentPush)
      throw new IchorError('SOP_CLASS_MISMATCH', { sopClassUid: command.sopClassUid, abstractSyntaxUid });
    if (dataset?.error) throw dataset.error;
    const bytes = Buffer.concat(dataset?.pieces.list ?? []);
    await events.commitment(commitmentReportOf(parseDataset(bytes, transferSyntaxUid!)));
    respond(command, STATUS.success);
  } catch (thrown) {
    respond(command, STATUS.processingFailure, errorComment(asIchorError(thrown)));
  }
}
