/** What is allowed, and may still not be meant. */
import type { Config } from './config.ts';
import { isLoopback } from './signInSettings.ts';

export function warningsOf(config: Config): string[] {
  const warnings: string[] = [];
  if (config.callers.length === 0) warnings.push('ICHOR_CALLERS is empty: any calling AE title may store');
  if (config.destinations.length === 0) warnings.push('ICHOR_DESTINATIONS is empty: reports and heat maps stay here');
  if (config.tls === null && config.bind !== '127.0.0.1')
    warnings.push('DICOM is not encrypted: set ICHOR_DICOM_TLS_KEY and ICHOR_DICOM_TLS_CERT');
  if (!isLoopback(config.bind) && !config.publicUrl?.startsWith('https:'))
    warnings.push('passwords travel unencrypted: put a TLS proxy before the worklist and set ICHOR_PUBLIC_URL');
  for (const { name, host, tls } of config.hl7Destinations)
    if (!tls && !isLoopback(host))
      warnings.push(`HL7 messages to ${name} carry patient data unencrypted: add ?tls=on where the receiver can`);
  if (config.mail !== null && config.publicUrl === null)
    warnings.push('ICHOR_PUBLIC_URL is not set: mail has no link to the study');
  return warnings;
}
