// Numbers and local times as people read them. Amounts are exact: they are integers, also beyond 2^53 (BigInt).

const MISSING = "–";
const MONTHS = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
const DAYS = ["Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"];

/** A JSON text whose integers stay exact. */
export function parseExact(text) {
  return JSON.parse(text, (_, value, context) =>
    typeof value === "number" && Number.isInteger(value) && !Number.isSafeInteger(value) && context?.source ? BigInt(context.source) : value);
}

export function formatValue(value, series) {
  if (value === null || value === undefined) return MISSING;
  if (series.unit === "ratio") return `${(Number(value) * 100).toFixed(2)} %`;
  if (series.unit === "money" && series.exponent) return amount(BigInt(value), series.exponent);
  return grouped(BigInt(value));
}

/** Short, for an axis. */
export function formatTick(value, series) {
  if (series.unit === "ratio") return `${Number((value * 100).toPrecision(4))} %`;
  const shown = series.unit === "money" && series.exponent ? value / 10 ** series.exponent : value;
  return new Intl.NumberFormat("en", { notation: "compact", maximumFractionDigits: 2 }).format(shown);
}

function amount(value, exponent) {
  const sign = value < 0n ? "−" : "";
  const digits = String(value < 0n ? -value : value).padStart(exponent + 1, "0");
  return `${sign}${grouped(BigInt(digits.slice(0, -exponent)))}.${digits.slice(-exponent)}`;
}

function grouped(value) {
  return new Intl.NumberFormat("en").format(value).replace("-", "−");
}

/** What a bucket is called, from its local ISO start; the browser's own zone plays no part. */
export function bucketLabel(start, grain) {
  const [date, clock] = start.split("T");
  const [year, month, day] = date.split("-").map(Number);
  const hour = clock.slice(0, 5), offset = clock.slice(8);
  const name = `${day} ${MONTHS[month - 1]}`;
  const weekday = DAYS[new Date(Date.UTC(year, month - 1, day)).getUTCDay()];
  if (grain === "hour") return { short: hour, day: name, major: hour === "00:00", long: `${weekday} ${name} ${year}, ${hour} (UTC${offset})`, row: `${date} ${hour}` };
  if (grain === "month") return { short: `${MONTHS[month - 1]} ${year}`, day: `${MONTHS[month - 1]} ${year}`, major: false, long: `${MONTHS[month - 1]} ${year}, from ${name}`, row: date.slice(0, 7) };
  return { short: name, day: name, major: false, long: `${grain === "week" ? "Week from " : ""}${weekday} ${name} ${year}`, row: date };
}

/** An instant of a receipt, in a zone. */
export function instantIn(text, zone) {
  if (!text) return "nothing yet";
  return new Intl.DateTimeFormat("en-GB", { dateStyle: "medium", timeStyle: "medium", timeZone: zone }).format(new Date(text));
}

export function age(seconds) {
  if (seconds < 90) return `${seconds} s`;
  if (seconds < 5400) return `${Math.round(seconds / 60)} min`;
  return seconds < 172800 ? `${Math.round(seconds / 3600)} h` : `${Math.round(seconds / 86400)} days`;
}
