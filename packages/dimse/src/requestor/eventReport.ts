/** Storage commitment reports that come on an association of our own (PS3.4 §J.3.3). */
import type { CommitmentReport } from '@ichor/shared/commitmentReport';
import { STATUS } from '../statuses.ts';
import { type EventReport, responses } from './library.ts';

export type Respond = (response: unknown) => void;

/** @param record what becomes of the report; without it none was asked for. When it throws, the peer is told to report again */
export async function answerReport(
  request: EventReport,
  respond: Respond,
  record: ((report: CommitmentReport) => Promise<void>) | undefined,
): Promise<void> {
  const response = responses.NEventReportResponse.fromRequest(request);
  response.setStatus(STATUS.success);
  try {
    if (record === undefined) throw new Error('no report was asked for');
    await record(reportOf(request));
  } catch {
    response.setStatus(STATUS.processingFailure);
  }
  respond(response);
}

type SopReference = { ReferencedSOPInstanceUID?: string; FailureReason?: number };

function reportOf(request: EventReport): CommitmentReport {
  const elements = (request.getDataset()?.getElements() ?? {}) as Record<string, unknown>;
  const references = (keyword: string): SopReference[] => [elements[keyword] ?? []].flat() as SopReference[];
  return {
    transactionUid: String(elements['TransactionUID'] ?? ''),
    succeeded: references('ReferencedSOPSequence').map(({ ReferencedSOPInstanceUID: uid }) => uid ?? ''),
    failed: references('FailedSOPSequence').map(({ ReferencedSOPInstanceUID: uid, FailureReason }) => ({
      sopInstanceUid: uid ?? '',
      reason: Number(FailureReason ?? 0),
    })),
  };
}
