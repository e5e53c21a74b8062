/** Mail for a positive study (sole importer of nodemailer): what was found and a link, nothing that names the patient. */

import { limitations } from '@ichor/report/measurementReport';
import type { MailSettings } from '@ichor/settings/sections/mail';
import { TLS_POLICY } from '@ichor/settings/tlsPolicy';
import { IchorError, reasonOf } from '@ichor/shared/errors';
import { describeIncompleteness } from '@ichor/shared/incompleteness';
import type { StudyView } from '@ichor/shared/study';
import { findingOf, targetOf } from '@ichor/shared/target';
import { createTransport } from 'nodemailer';
import { Refusal } from './refusal.ts';

export type Letter = { readonly subject: string; readonly text: string };

/** Finding classes, scores and the link only: no patient, no accession number, no date of the study. */
export function writeLetter(study: StudyView, publicUrl: string | null): Letter {
  const target = targetOf(study.model);
  const lines = target.classes.flatMap(({ name, meaning }) => {
    const finding = study.findings && findingOf(study.findings, name);
    return finding?.present ? [`- ${meaning}: score ${finding.score.toFixed(2)}`] : [];
  });
  const where =
    publicUrl === null ? 'Open the worklist of Ichor to see it.' : `${publicUrl}/studies/${study.studyInstanceUid}`;
  return {
    subject: `Ichor: suspected ${target.name} (not for diagnostic use)`,
    text: [
      'A head CT was flagged:',
      ...lines,
      ...missingOf(study),
      '',
      where,
      '',
      `NOT FOR DIAGNOSTIC USE. ${limitations(target)}`,
      '',
    ].join('\n'),
  };
}

const missingOf = ({ incomplete }: StudyView): string[] =>
  incomplete === null ? [] : ['', `The study is incomplete: ${describeIncompleteness(incomplete)}.`];

/**
 * One message to one address. @param controlId becomes the Message-ID, the same on every attempt
 * @throws IchorError NOTIFICATION_UNREACHABLE, NOTIFICATION_DEFERRED, NOTIFICATION_REFUSED, NOTIFICATION_UNANSWERED
 */
export async function sendMail(
  { url, from }: MailSettings,
  to: string,
  { subject, text }: Letter,
  controlId: string,
  timeoutMs: number,
): Promise<void> {
  const timeouts = { connectionTimeout: timeoutMs, greetingTimeout: timeoutMs, socketTimeout: timeoutMs };
  const server = new URL(url);
  const transport = createTransport({
    host: server.hostname,
    port: Number(server.port) || (server.protocol === 'smtps:' ? 465 : 587),
    secure: server.protocol === 'smtps:',
    ...(server.username !== '' && {
      auth: { user: decodeURIComponent(server.username), pass: decodeURIComponent(server.password) },
    }),
    ...timeouts,
    tls: TLS_POLICY,
    disableFileAccess: true,
    disableUrlAccess: true,
  });
  try {
    const letter = { from, to, subject, text, messageId: `<${controlId}@ichor>`, priority: 'high' } as const;
    await within(transport.sendMail(letter), to, EXCHANGES * timeoutMs);
  } catch (error) {
    throw error instanceof IchorError ? error : errorOf(to, error as SmtpError);
  } finally {
    transport.close();
  }
}

/** A conversation has about so many answers, each within the time; one that drips has no end of its own. */
const EXCHANGES = 4;

async function within(sending: Promise<unknown>, destination: string, timeoutMs: number): Promise<void> {
  let timer: NodeJS.Timeout | undefined;
  const silence = new Promise<never>((_, reject) => {
    const reason = `the conversation did not end within ${timeoutMs} ms`;
    timer = setTimeout(() => reject(new IchorError('NOTIFICATION_UNANSWERED', { destination, reason })), timeoutMs);
  });
  await Promise.race([sending, silence]).finally(() => clearTimeout(timer));
}

type SmtpError = Error & { readonly code?: string; readonly responseCode?: number };

/** RFC 5321 §4.2.1: 4yz may be tried again, 5yz not. A server that lets nobody in is one that cannot be reached. */
function errorOf(destination: string, error: SmtpError): IchorError {
  const { code = '', responseCode } = error;
  if (code === 'EENVELOPE' || code === 'EMESSAGE') {
    const refused = responseCode === undefined || responseCode >= 500;
    const facts = { destination, reason: `its mail server answered ${responseCode ?? 'that the address is invalid'}` };
    return new Refusal(refused ? 'NOTIFICATION_REFUSED' : 'NOTIFICATION_DEFERRED', facts, { peerText: error.message });
  }
  return new IchorError(
    'NOTIFICATION_UNREACHABLE',
    { destination, reason: `${code} ${firstLine(error)}`.trim() },
    error,
  );
}

const firstLine = (error: Error): string => reasonOf(error).split('\n')[0]!;
