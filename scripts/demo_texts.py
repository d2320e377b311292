"""What the demo says, in each of its languages."""

LANGUAGES = ("en", "zh-Hans", "zh-Hant")

_TEXTS: dict[str, tuple[str, str, str]] = {
    # Where it runs.
    "starting": (
        "Starting Home Assistant; the first time this takes a minute …",
        "正在启动 Home Assistant，第一次需要一分钟左右……",
        "正在啟動 Home Assistant，第一次需要一分鐘左右……",
    ),
    "welcome": (
        """
  Home Assistant    {url}
  User, password    {user}, {password}

  Add the account: Settings → Devices & services → Add integration → QQ Mail
    Mail address         {address}
    Authorization code   {code}
    Server               {host}
    Port, encryption     {tls_port}, TLS  (or {starttls_port}, STARTTLS)

  Then switch on "{door}" (Settings → Devices & services → Helpers), or run the
  script "{hello}" or "{card}" (Settings → Automations &
  scenes → Scripts). "{ask}" sends links: open one and press.
  Each mail that arrives is shown here. Ctrl-C ends everything.
""",
        """
  Home Assistant    {url}
  用户名、密码      {user}、{password}

  添加账号：设置 → 设备与服务 → 添加集成 → QQ Mail
    邮箱地址      {address}
    授权码        {code}
    服务器        {host}
    端口和加密    {tls_port}，TLS（或 {starttls_port}，STARTTLS）

  然后打开“{door}”开关（设置 → 设备与服务 → 辅助元素），或运行脚本
  “{hello}”或“{card}”（设置 → 自动化与场景 → 脚本）。
  “{ask}”发出的邮件里有链接：打开一个，再按一下。
  每封到达的邮件都会显示在这里。按 Ctrl-C 结束。
""",
        """
  Home Assistant    {url}
  使用者、密碼      {user}、{password}

  新增帳號：設定 → 裝置與服務 → 新增整合 → QQ Mail
    電子郵件位址    {address}
    授權碼          {code}
    伺服器          {host}
    連接埠和加密    {tls_port}，TLS（或 {starttls_port}，STARTTLS）

  接著開啟「{door}」開關（設定 → 裝置與服務 → 助手），或執行腳本
  「{hello}」或「{card}」（設定 → 自動化與場景 → 腳本）。
  「{ask}」寄出的郵件裡有連結：開啟一個，再按一下。
  每封寄達的郵件都會顯示在這裡。按 Ctrl-C 結束。
""",
    ),
    "mail": (
        "mail accepted from {account} for {recipients}",
        "已接收邮件：发自 {account}，发给 {recipients}",
        "已接收郵件：寄自 {account}，寄給 {recipients}",
    ),
    "attachments": ("Attachments", "附件", "附件"),
    "ended": ("Ended.", "已结束。", "已結束。"),
    # What is in the house.
    "door": ("Front door", "入户门", "大門"),
    "hello": ("Say hello by mail", "发一封问候邮件", "寄一封問候郵件"),
    "card": ("Show what mail can do", "看看邮件能做什么", "看看郵件能做什麼"),
    "ask": ("Send a mail with buttons", "发一封带按钮的邮件", "寄一封帶按鈕的郵件"),
    "opens": (
        "Mail when the front door opens",
        "入户门打开时发邮件",
        "大門打開時寄郵件",
    ),
    "answers": (
        "Answer whoever presses a button in a mail",
        "有人按下邮件中的按钮时回信",
        "有人按下郵件中的按鈕時回信",
    ),
    # The mails.
    "hello_title": ("Hello from a script", "来自脚本的问候", "來自腳本的問候"),
    "hello_message": (
        "Hello! This came by notify.qq_mail.",
        "你好！这封邮件由 notify.qq_mail 发出。",
        "你好！這封郵件由 notify.qq_mail 寄出。",
    ),
    "grandma": ("Grandma", "奶奶", "奶奶"),
    "grandpa": ("Grandpa", "爷爷", "爺爺"),
    "bell_title": ("🔔 Someone is at the door", "🔔 门口有人", "🔔 門口有人"),
    "bell_message": ("**The doorbell** rang.", "**门铃**响了。", "**門鈴**響了。"),
    "bell_bold": ("The doorbell", "门铃", "門鈴"),
    "leak_title": ("💧 Water in the cellar", "💧 地下室漏水", "💧 地下室漏水"),
    "leak_message": ("Press a button.", "请按一个按钮。", "請按一個按鈕。"),
    "close_valve": ("Close the valve", "关闭水阀", "關閉水閥"),
    "acknowledge": ("Acknowledge", "知道了", "知道了"),
    "dashboard": ("Open the dashboard", "打开仪表盘", "打開儀表板"),
    "pressed": ("Button pressed", "有人按了按钮", "有人按了按鈕"),
    "door_title": ("🚪 The front door is open", "🚪 入户门打开了", "🚪 大門打開了"),
    "door_message": ("The front door was opened.", "入户门已打开。", "大門已打開。"),
    "entity_title": ("Hello from an entity", "来自实体的问候", "來自實體的問候"),
    "entity_message": (
        "The first mail 📬\n.a line that begins with a dot",
        "第一封邮件 📬\n.以点开头的一行",
        "第一封郵件 📬\n.以點開頭的一行",
    ),
    "outage_title": (
        "Raised in the outage: {number}",
        "断线期间的警报：{number}",
        "斷線期間的警報：{number}",
    ),
    "outage_message": ("Water!", "水浸！", "浸水！"),
    "state": ("{name}: {state}", "{name}：{state}", "{name}：{state}"),
    # What the check looks at.
    "fields": ("fields of the form", "表单的字段", "表單的欄位"),
    "wrong_code": (
        "error after a wrong code",
        "填错授权码后的提示",
        "填錯授權碼後的提示",
    ),
    "entry": (
        "the entry after the right code",
        "填对授权码后的账号",
        "填對授權碼後的帳號",
    ),
    "status": ("status", "状态", "狀態"),
    "left_out": ("what was left out is told", "说明了略去的内容", "說明了略去的內容"),
    "number": ("mail {number}", "第 {number} 封邮件", "第 {number} 封郵件"),
    "presses": (
        "mails before each press",
        "每次按下之前的邮件数",
        "每次按下之前的郵件數",
    ),
    "in_outage": (
        "alerts that arrived in the outage",
        "断线期间到达的警报数",
        "斷線期間寄達的警報數",
    ),
    "restarting": (
        "Restarting Home Assistant …",
        "正在重启 Home Assistant……",
        "正在重新啟動 Home Assistant……",
    ),
    "waits": (
        "what waits after the restart",
        "重启后排队的邮件",
        "重新啟動後排隊的郵件",
    ),
    "after": (
        "mails once the server is back",
        "服务器恢复后的邮件",
        "伺服器恢復後的郵件",
    ),
    "plaintext": ("logins in plaintext", "明文登录次数", "明文登入次數"),
    "code_in_log": (
        "the code in Home Assistant's log",
        "授权码出现在 Home Assistant 日志中",
        "授權碼出現在 Home Assistant 日誌中",
    ),
    "errors": (
        "errors of the integration in the log",
        "日志中本集成的错误",
        "日誌中本整合的錯誤",
    ),
    "wrong": (
        "{what}: saw {seen!r}, expected {expected!r}",
        "{what}：实际为 {seen!r}，应为 {expected!r}",
        "{what}：實際為 {seen!r}，應為 {expected!r}",
    ),
    "seen": ("{what}: {seen!r}", "{what}：{seen!r}", "{what}：{seen!r}"),
    "no_button": ("no button in {text!r}", "没有按钮：{text!r}", "沒有按鈕：{text!r}"),
    "passed": (
        "Every mail arrived as it should.",
        "每封邮件都按预期到达。",
        "每封郵件都如預期寄達。",
    ),
}


class Texts:
    """The texts in one language."""

    def __init__(self, language: str) -> None:
        """Choose the language, one of `LANGUAGES`."""
        self._column = LANGUAGES.index(language)

    def __call__(self, key: str, **values: object) -> str:
        """Return a text with these values in it."""
        text = _TEXTS[key][self._column]
        return text.format(**values) if values else text
