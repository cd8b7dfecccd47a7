// Tailwind turns the class names in use into one style sheet.
const config = { plugins: { "@tailwindcss/postcss": {} } };

export default config;
