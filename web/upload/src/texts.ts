/** The page's words in English and Chinese. */

const en = {
  title: "Upload",
  target: "Straight to {host}",
  addFiles: "Add files",
  dropHere: "Drop files here",
  choose: "Choose files",
  accepted: "{types}, up to {size} each",
  anyType: "Any type",
  settings: "Settings",
  objectName: "Object name",
  localName: "Keep the file's name",
  randomName: "Random name",
  signature: "Signature",
  v4: "V4 with a session token",
  folder: "Folder",
  preview: "Stored as {key}",
  maxSize: "Largest file, in MB",
  limit: "The server allows {size}.",
  types: "File types",
  typesHint: "Extensions; leave empty for any.",
  thisVisit: "This visit",
  clear: "Clear finished",
  recent: "Recent uploads",
  refresh: "Refresh",
  nothing: "Nothing was uploaded yet.",
  recentFailed: "The list cannot be loaded: {reason}",
  waiting: "Waiting",
  sending: "{percent} %, {sent} of {total}",
  telling: "Stored. Waiting for the application server…",
  done: "Uploaded. The application server answered:",
  untold: "Stored, but the application server was not reached: {text}",
  unconfirmed: "Stored, but the application server did not accept it: {text}",
  refused: "Refused: {code}",
  cancelled: "Cancelled",
  unreachable: "The object storage cannot be reached at {host}, or it does not allow this page (CORS).",
  noPolicy: "The application server signs no form: {reason}",
  badType: "This type of file is not accepted: {types}",
  badSize: "Larger than {size}",
  duplicate: "Already in the list",
  cancel: "Cancel",
  retry: "Try again",
  cancelOf: "Cancel {name}",
  retryOf: "Try {name} again",
  progressOf: "Progress of {name}",
  requestId: "Request {id}",
  liveDone: "{name} is uploaded.",
  liveTrouble: "{name}: {text}",
};

type Texts = typeof en;
export type Word = keyof Texts;

const zh: Texts = {
  title: "上传文件",
  target: "直传到 {host}",
  addFiles: "添加文件",
  dropHere: "将文件拖到这里",
  choose: "选择文件",
  accepted: "{types}，单个不超过 {size}",
  anyType: "任意类型",
  settings: "设置",
  objectName: "文件命名",
  localName: "保留本地文件名",
  randomName: "随机文件名",
  signature: "签名版本",
  v4: "V4（临时令牌）",
  folder: "目录",
  preview: "保存为 {key}",
  maxSize: "文件大小上限（MB）",
  limit: "服务器上限为 {size}。",
  types: "文件类型",
  typesHint: "扩展名；留空表示不限。",
  thisVisit: "本次上传",
  clear: "清除已完成",
  recent: "最近上传",
  refresh: "刷新",
  nothing: "还没有上传任何文件。",
  recentFailed: "列表加载失败：{reason}",
  waiting: "等待中",
  sending: "{percent} %，{sent} / {total}",
  telling: "已保存，等待应用服务器响应…",
  done: "上传成功，应用服务器返回：",
  untold: "已保存，但未能通知应用服务器：{text}",
  unconfirmed: "已保存，但应用服务器未接受：{text}",
  refused: "被拒绝：{code}",
  cancelled: "已取消",
  unreachable: "无法连接对象存储 {host}，或其未允许本页面跨域访问（CORS）。",
  noPolicy: "应用服务器未能签名：{reason}",
  badType: "不接受此类型的文件，可接受：{types}",
  badSize: "超过 {size}",
  duplicate: "列表中已有此文件",
  cancel: "取消",
  retry: "重试",
  cancelOf: "取消 {name}",
  retryOf: "重试 {name}",
  progressOf: "{name} 的进度",
  requestId: "请求 {id}",
  liveDone: "{name} 上传成功。",
  liveTrouble: "{name}：{text}",
};

export type Say = (word: Word, values?: Record<string, string | number>) => string;

export function languageOf(preferred: string): "en" | "zh" {
  return preferred.toLowerCase().startsWith("zh") ? "zh" : "en";
}

export function sayIn(language: "en" | "zh"): Say {
  const texts = language === "zh" ? zh : en;
  return (word, values = {}) =>
    texts[word].replace(/\{(\w+)\}/g, (_, name: string) => String(values[name] ?? ""));
}
