/** Settings of delivery: where reports and heat maps go, and how long that is tried. */
import { parseDestinations } from '../aeTitles.ts';
import { parsed, wholeNumber } from '../readers.ts';
import type { SettingTable } from '../setting.ts';

export const DELIVERY = {
  destinations: {
    name: 'ICHOR_DESTINATIONS',
    reader: parsed('AET@host:port[?sr=…&title=…&heatmaps=…&commitment=…&tls=…],…', parseDestinations),
    default: '',
    about:
      'where SR and SC go. `sr`: comprehensive-3d (default), comprehensive; `title`: triage (default), measurement; `heatmaps`, `commitment`: on (default), off; `tls`: off (default), on',
  },
  deliveryTtlMs: {
    name: 'ICHOR_DELIVERY_TTL_MS',
    reader: wholeNumber(1_000, 2_592_000_000, 'ms'),
    default: '86400000',
    about: 'how long an unreachable destination is tried',
  },
  deliveryBackoffMs: {
    name: 'ICHOR_DELIVERY_BACKOFF_MS',
    reader: wholeNumber(10, 900_000, 'ms'),
    default: '5000',
    about: 'first pause after a failed delivery; it doubles up to 15 minutes',
  },
  deliveryTimeoutMs: {
    name: 'ICHOR_DELIVERY_TIMEOUT_MS',
    reader: wholeNumber(100, 3_600_000, 'ms'),
    default: '120000',
    about: 'a destination that takes longer to answer is hung up on and tried again later',
  },
} satisfies SettingTable;
