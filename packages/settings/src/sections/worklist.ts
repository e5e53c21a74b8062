/** Settings of the worklist: its address, the viewer, the proxy before it, and where the audit trail goes. */
import { list, origin, parsed, wholeNumber } from '../readers.ts';
import type { Reader, SettingTable } from '../setting.ts';
import { parseCollector } from '../signInSettings.ts';

const viewer: Reader<string> = {
  type: 'URL',
  range: 'https://…, http://…',
  read(text) {
    if (/^https?:\/\//.test(text)) return text;
    throw new Error('must start with https:// or http://');
  },
};

export const WORKLIST = {
  httpPort: { name: 'ICHOR_HTTP_PORT', reader: wholeNumber(0, 65_535), default: '8080', about: 'HTTP port' },
  publicUrl: {
    name: 'ICHOR_PUBLIC_URL',
    reader: origin,
    default: null,
    about: 'address of the worklist as browsers see it, https behind a TLS proxy',
  },
  viewerUrl: {
    name: 'ICHOR_VIEWER_URL',
    reader: viewer,
    default: null,
    about:
      'address of the viewer with {studyInstanceUid}, {seriesInstanceUid} and {sopInstanceUid} (both of the report)',
  },
  trustedProxies: {
    name: 'ICHOR_TRUSTED_PROXIES',
    reader: list,
    default: '',
    about: 'addresses or CIDR of proxies whose X-Forwarded-For counts',
  },
  auditSyslog: {
    name: 'ICHOR_AUDIT_SYSLOG',
    reader: parsed('udp|tcp|tls://host:port', parseCollector),
    default: null,
    about: 'audit record repository for DICOM audit messages',
  },
} satisfies SettingTable;
