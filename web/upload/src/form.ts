/** The fields of the form, in the order of the samples; the file comes last. */

import { isV4, type Policy } from "./policy.ts";

export type Fields = [name: string, value: string][];

/** Fields for *key*, which may hold `${filename}`; *localName* goes to the application as x:name. */
export function formFields(policy: Policy, key: string, localName: string): Fields {
  const callback: Fields = policy.callback ? [["callback", policy.callback]] : [];
  const own: Fields = [["x:name", localName]];
  if (isV4(policy)) {
    return [
      ["success_action_status", "200"],
      ["policy", policy.policy],
      ["x-oss-signature", policy.signature],
      ["x-oss-signature-version", policy.x_oss_signature_version],
      ["x-oss-credential", policy.x_oss_credential],
      ["x-oss-date", policy.x_oss_date],
      ["key", key],
      ["x-oss-security-token", policy.security_token],
      ...callback,
      ...own,
    ];
  }
  return [
    ["name", localName],
    ["key", key],
    ["policy", policy.policy],
    ["OSSAccessKeyId", policy.accessid],
    // Without it OSS answers 204, which has no body.
    ["success_action_status", "200"],
    ...callback,
    ["signature", policy.signature],
    ...own,
  ];
}

export function buildForm(fields: Fields, file: File): FormData {
  const form = new FormData();
  for (const [name, value] of fields) form.append(name, value);
  // OSS ignores whatever stands behind the file.
  form.append("file", file, file.name);
  return form;
}
