/** DICOM over TLS, of the receiver and of the associations that we open (PS3.15 Annex B). */
import { path } from '../readers.ts';
import type { SettingTable, Texts, ValuesOf } from '../setting.ts';

export const DICOM_TLS = {
  key: {
    name: 'ICHOR_DICOM_TLS_KEY',
    reader: path,
    default: null,
    about: 'private key file (PEM): DICOM TLS on the DICOM port',
  },
  cert: { name: 'ICHOR_DICOM_TLS_CERT', reader: path, default: null, about: 'certificate file (PEM)' },
  ca: {
    name: 'ICHOR_DICOM_TLS_CA',
    reader: path,
    default: null,
    about: 'CA file (PEM): client certificates are required',
  },
} satisfies SettingTable;

/** Files in PEM. With `caPath` a client must show a certificate. */
export type DicomTls = { readonly keyPath: string; readonly certPath: string; readonly caPath: string | null };

/** Null: DICOM is not encrypted. */
export function dicomTlsOf({ key, cert, ca }: ValuesOf<typeof DICOM_TLS>): DicomTls | null {
  return key === null || cert === null ? null : { keyPath: key, certPath: cert, caPath: ca };
}

export function dicomTlsProblems(texts: Texts): string[] {
  const { ICHOR_DICOM_TLS_KEY: key, ICHOR_DICOM_TLS_CERT: cert, ICHOR_DICOM_TLS_CA: ca } = texts;
  if (Boolean(key) !== Boolean(cert)) return ['ICHOR_DICOM_TLS_KEY and ICHOR_DICOM_TLS_CERT must be set together'];
  return ca && !key ? ['ICHOR_DICOM_TLS_CA needs ICHOR_DICOM_TLS_KEY and ICHOR_DICOM_TLS_CERT'] : [];
}
